"""Select the elements of a page's main content: no menus, no advertisements, no comments of readers."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.name_words import (
    BODY,
    CHROME,
    DISCUSSION,
    DRAWING,
    FOR_EYES,
    GUTTER,
    HIDDEN,
    LOOSE,
    PERMALINK,
    POST_DATA,
    UNSEEN,
)
from tasks.clean.extract.html.tags import ASIDE, BLOCK, DIALOG, HEADER, LINK, MAIN, SKIPPED
from tasks.clean.kernel_types import Bytes, Elements, Index, PerElement, Tables, Tags
from tasks.runtime.jit import jit

# Fractions of the page's text outside links; MIN_PLAIN_TEXT is of all its text, MIN_LINKED_TEXT of an element's. Tuned
# on news pages with gold text: the score is flat around these values (see EXPERIMENTS.md).
MAX_MENU_TEXT = 0.4  # an element with more is no menu, whatever its name
MAX_LINK_LIST_TEXT = 0.2
MIN_PLAIN_TEXT = 0.1
MIN_LINKED_TEXT = 0.6
MIN_MAIN_TEXT = 0.8
MAX_PERMALINK_BYTES = 6  # `¶`, `#`, `[link]`: a link with more is one to read


@jit
def clear_gutters(data: Bytes, tags: Tags, of_tag: PerElement, elements: Elements) -> None:
    """Take the hint GUTTER from elements that hold more than numbers: a layout has gutters, too."""
    start, stop, codes, _, _, _, _ = tags
    _, parent, hints, _, _, _, _ = elements
    gutter = np.zeros(len(parent), np.int32)  # the innermost gutter that an element is in, or 0
    for element in range(1, len(parent)):
        gutter[element] = element if hints[element] & GUTTER else gutter[parent[element]]
    for index in range(len(codes)):
        within = gutter[of_tag[index]]
        if within and hints[within] & GUTTER:
            end = start[index + 1] if index + 1 < len(codes) else len(data)
            for position in range(stop[index], end):
                if data[position] > 32 and not 48 <= data[position] <= 57:
                    # those around it, too; where one has lost the hint, all around it have
                    while within and hints[within] & GUTTER:
                        hints[within] &= ~np.uint32(GUTTER)
                        within = gutter[parent[within]]
                    break


@jit
def is_invisible(element: Index, elements: Elements, tables: Tables, plain: PerElement) -> Any:
    """Return whether an element's attributes take it out of the text: hidden, a line number, a formula's drawing.

    `plain` is the text of each element, of which a hidden block that is no page has little.
    """
    code, parent, hints, text, _, _, formulas = elements
    hint, above = hints[element], parent[element]
    if hint & GUTTER or (hint & PERMALINK and text[element] <= MAX_PERMALINK_BYTES):
        return True
    _, kinds, roles, _, _, _ = tables
    tag = code[element]
    # a link that only those who see can follow is text to read; icons and marks are not
    if hint & FOR_EYES and not hint & HIDDEN and roles[tag] == LINK and text[element] > MAX_PERMALINK_BYTES:
        return False
    # a drawing is left out where a script or a <math> beside it says the formula, and only there
    if hint & DRAWING:
        return formulas[above, 1] > 0 or (formulas[element, 0] == 0 and formulas[above, 0] > 0)
    # <math> is hidden from the eye where it stands beside its drawing, and a page until its scripts have run
    is_page = kinds[tag] & BLOCK and roles[tag] != DIALOG and plain[element] > MAX_MENU_TEXT * plain[0]
    return hint & (HIDDEN | FOR_EYES) and formulas[element, 0] == 0 and not is_page


def choose_unwanted(*, comments: bool, byline: bool, loose: bool = False) -> int:
    """Return the hints of names that exclude an element; `loose` ones may be a part of a longer name."""
    return CHROME | (0 if comments else DISCUSSION) | (0 if byline else POST_DATA) | (LOOSE if loose else 0)


@jit
def find_excluded(elements: Elements, tables: Tables, unwanted: int) -> Any:
    """Return for every element whether it is no text, is excluded, and is left out, each with all that it contains.

    No text are scripts, buttons and what is hidden. Excluded is in addition what rules take for menus, advertisements
    and comments; left out is in addition what is outside of the main element. `unwanted` are the hints of names that
    exclude, from `choose_unwanted`.
    """
    code, parent, hints, text, linked, _, _ = elements
    _, kinds, roles, _, _, _ = tables
    unseen, out = np.zeros(len(code), np.bool_), np.zeros(len(code), np.bool_)
    in_main = np.zeros(len(code), np.bool_)
    plain = text - linked
    if plain[0] < MIN_PLAIN_TEXT * text[0]:  # a page of links: they are its content
        plain = text
    # parents come before their children, so one pass forward hands exclusion down
    for element in range(1, len(code)):
        role, kind, above = roles[code[element]], kinds[code[element]], parent[element]
        in_main[element] = in_main[above] or role == MAIN or hints[element] & BODY != 0
        unseen[element] = unseen[above] or kind & SKIPPED
        if not unseen[element] and hints[element] & UNSEEN:
            unseen[element] = is_invisible(element, elements, tables, plain)
        if out[above] or unseen[element]:
            out[element] = True
        elif plain[element] > MAX_MENU_TEXT * plain[0] or hints[element] & BODY:
            continue  # never excluded, whatever its name
        elif (
            role == ASIDE
            # in <main> or <article> a <header> holds the headline; elsewhere it is the site's
            or (role == HEADER and not in_main[above])
            # the class of an <article> has its category as a word
            or hints[element] & (unwanted & ~POST_DATA if role == MAIN else unwanted)
            or (
                kind & BLOCK
                and linked[element] > MIN_LINKED_TEXT * text[element]
                and plain[element] < MAX_LINK_LIST_TEXT * plain[0]
            )
        ):
            out[element] = True
    excluded = out.copy()
    narrow_to_main(parent, plain, out)
    return unseen, excluded, out


@jit
def narrow_to_main(parent: PerElement, plain: PerElement, out: PerElement) -> None:
    """Exclude all but the smallest element that contains most of the remaining text."""
    # `kept` is `plain` without what is excluded below an element; children come after parents, so go backwards
    kept = plain.copy()
    for element in range(len(out) - 1, 0, -1):
        kept[parent[element]] -= plain[element] if out[element] else plain[element] - kept[element]
    # Go down from the page as long as a child holds enough. As MIN_MAIN_TEXT is above a half, only one child can, where
    # there is text at all.
    root = 0
    for element in range(1, len(out)):
        if parent[element] == root and not out[element] and kept[element] >= MIN_MAIN_TEXT * kept[0]:
            root = element
    inside = np.zeros(len(out), np.bool_)
    inside[root] = True
    for element in range(1, len(out)):
        inside[element] = inside[element] or inside[parent[element]]
        out[element] = out[element] or not inside[element]
    # text that is directly in the page counts only when nothing smaller was chosen
    out[0] = root != 0


@jit
def find_unreadable(elements: Elements, tables: Tables) -> Any:
    """Return for every element whether its content is not text: instead of `find_excluded`, to keep a complete page."""
    code, parent, hints, text, _, _, _ = elements
    _, kinds, _, _, _, _ = tables
    out = np.zeros(len(code), np.bool_)
    for element in range(1, len(code)):
        is_hidden = hints[element] & UNSEEN and is_invisible(element, elements, tables, text)
        out[element] = out[parent[element]] or is_hidden or kinds[code[element]] & SKIPPED
    return out
