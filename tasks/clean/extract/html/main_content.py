"""Which elements of a page are what it is about: not its menus, its advertisements, its readers' comments."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import (
    ASIDE,
    BLOCK,
    BODY,
    CHROME,
    DISCUSSION,
    HEADER,
    HIDDEN,
    MAIN,
    POST_DATA,
    SKIPPED,
)
from tasks.runtime.jit import jit

# Shares of the page's text outside links; FEWER is of all its text, MOSTLY_LINKS of an element's. Found on news
# pages with gold text, and flat around these values (see EXPERIMENTS.md).
MINOR = 0.4  # an element that holds more is no menu, whatever it is called
FEW = 0.2
FEWER = 0.1
MOSTLY_LINKS = 0.6
MOST = 0.8


@jit
def left_out(elements: Any, tables: Any, comments: bool, post_data: bool) -> Any:
    """For every element whether it is left out, and with it all that it holds."""
    code, parent, hints, text, linked = elements
    _, kinds, roles, _, _ = tables
    out, in_main = np.zeros(len(code), np.bool_), np.zeros(len(code), np.bool_)
    unwanted = CHROME | (0 if comments else DISCUSSION) | (0 if post_data else POST_DATA)
    plain = text - linked
    if plain[0] < FEWER * text[0]:  # a page of links: they are what it is about
        plain = text
    for element in range(1, len(code)):
        role, kind = roles[code[element]], kinds[code[element]]
        in_main[element] = in_main[parent[element]] or role == MAIN or hints[element] & BODY != 0
        if out[parent[element]] or kind & SKIPPED:
            out[element] = True
        elif plain[element] > MINOR * plain[0]:
            continue
        elif hints[element] & HIDDEN:
            out[element] = True
        elif hints[element] & BODY:
            continue
        elif (
            role == ASIDE
            or (role == HEADER and not in_main[parent[element]])
            or hints[element] & unwanted
            or (kind & BLOCK and linked[element] > MOSTLY_LINKS * text[element] and plain[element] < FEW * plain[0])
        ):
            out[element] = True
    narrow(parent, plain, out)
    return out


@jit
def narrow(parent: Any, plain: Any, out: Any) -> None:
    """Leave out all but the smallest element that holds most of what is left."""
    kept = plain.copy()
    for element in range(len(out) - 1, 0, -1):
        kept[parent[element]] -= plain[element] if out[element] else plain[element] - kept[element]
    root = 0
    for element in range(1, len(out)):
        if parent[element] == root and not out[element] and kept[element] >= MOST * kept[0]:
            root = element
    inside = np.zeros(len(out), np.bool_)
    inside[root] = True
    for element in range(1, len(out)):
        inside[element] = inside[element] or inside[parent[element]]
        out[element] = out[element] or not inside[element]
    out[0] = root != 0


@jit
def unreadable(elements: Any, tables: Any) -> Any:
    """For every element whether its content is nothing to read: what `left_out` is for whole pages."""
    code, parent, hints, text, _ = elements
    out = np.zeros(len(code), np.bool_)
    for element in range(1, len(code)):
        is_hidden = hints[element] & HIDDEN and text[element] <= MINOR * text[0]
        out[element] = out[parent[element]] or tables[1][code[element]] & SKIPPED or is_hidden
    return out
