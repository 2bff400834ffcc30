"""The elements of a page, from its tags.

No tree of objects: elements are rows of arrays, in the order of their start tags. What belongs to what follows the HTML
standard where it matters to a reader (implied end tags, cells as walls), in time linear in the page however it nests.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import (
    BLOCK,
    BULLETS,
    CELL,
    ITEM,
    LINK,
    LINKED,
    NUMBERS,
    OPENS,
    PARA,
    ROW,
    SKIPPED,
    TABLE,
    TERM,
    TERMS,
    WALL,
)
from tasks.runtime.jit import jit

FARTHEST = 256  # an end tag closes no element farther up than this, or 10⁶ of them would each climb 10⁶ levels


@jit
def closed(stack: Any, depth: int, code: Any, wanted: int, kinds: Any, roles: Any) -> Any:
    """The depth after an end tag: unchanged when it closes nothing in its reach."""
    is_cell = kinds[wanted] & WALL or roles[wanted] == ROW
    for level in range(depth - 1, max(0, depth - FARTHEST), -1):
        found = code[stack[level]]
        if found == wanted:
            return level
        if roles[found] == TABLE or (kinds[found] & WALL and not is_cell):
            return depth
    return depth


@jit
def encloses(found: int, kind: int, role: int) -> Any:
    """Whether an element keeps a start tag of this role from closing an earlier one outside."""
    if found == TABLE or (role == ITEM and (found in (BULLETS, NUMBERS))):
        return True
    if (role == TERM and found == TERMS) or (role == CELL and found == ROW):
        return True
    return kind & WALL and (role in (ITEM, TERM))


@jit
def implied(stack: Any, depth: int, code: Any, tag: int, kinds: Any, roles: Any) -> Any:
    """The depth after the end tags that a start tag implies (HTML standard, 13.1.2.4)."""
    role = roles[tag]
    repeats = role in (ITEM, TERM, CELL, ROW)
    for level in range(depth - 1, max(0, depth - FARTHEST), -1):
        kind, found = kinds[code[stack[level]]], roles[code[stack[level]]]
        if repeats:
            if found == role:
                return level
            if encloses(found, kind, role):
                return depth
        elif kind & BLOCK or not kinds[tag] & BLOCK:  # a paragraph ends where a block begins
            return level if found == PARA and kinds[tag] & BLOCK else depth
    return depth


@jit
def elements_of(tags: Any, tables: Any) -> Any:
    """Open and close elements as the tags say. Returns arrays with an entry an element, `of_tag`, and the depth.

    Element 0 stands for the page. `text` counts the bytes of text, without white space, in the element and all below
    it, `linked` those of them that are links'. `of_tag` is, for each tag, the element that the text after it lies in.
    """
    _, _, codes, said, weight, _ = tags
    _, kinds, roles, _, _ = tables
    most = len(codes)
    code, parent, of_tag = np.zeros(most, np.int16), np.zeros(most, np.int32), np.zeros(most, np.int32)
    hints, text, linked = np.zeros(most, np.uint8), np.zeros(most, np.int32), np.zeros(most, np.int32)
    stack, unread = np.zeros(most + 1, np.int32), np.zeros(most, np.bool_)
    num, depth, deepest, link = 1, 1, 1, 0
    for index in range(most):
        tag = codes[index]
        kind = kinds[abs(tag)]
        if roles[abs(tag)] == LINK:
            link = depth if tag > 0 and said[index] & LINKED else 0
        elif kind & OPENS and tag < 0:
            depth = closed(stack, depth, code, -tag, kinds, roles)
        elif kind & OPENS:
            depth = implied(stack, depth, code, tag, kinds, roles)
            above = stack[depth - 1]
            code[num], parent[num], hints[num] = tag, above, said[index]
            unread[num] = unread[above] or kind & SKIPPED != 0
            stack[depth] = num
            depth, num = depth + 1, num + 1
            deepest = max(deepest, depth)
        if depth < link:
            link = 0
        within = stack[depth - 1]
        of_tag[index] = within
        if not unread[within]:
            text[within] += weight[index]
            linked[within] += weight[index] if link else 0
    for element in range(num - 1, 0, -1):
        text[parent[element]] += text[element]
        linked[parent[element]] += linked[element]
    return (code[:num], parent[:num], hints[:num], text[:num], linked[:num]), of_tag, deepest
