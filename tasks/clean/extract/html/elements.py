"""The elements of a page, from its tags.

No tree of objects: elements are rows of arrays, in the order of their start tags. Nesting follows the HTML standard
where a reader would notice (implied end tags, table cells), in time linear in the page however deep it nests.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.name_words import LINKED, TEX, UNSEEN
from tasks.clean.extract.html.tags import (
    BLOCK,
    BULLETS,
    CELL,
    INLINE,
    ITEM,
    LINK,
    MATH,
    NUMBERS,
    OPENS,
    PARA,
    READING,
    ROW,
    RUBY_BASE,
    SCRIPT,
    SKIPPED,
    TABLE,
    TERM,
    TERMS,
    WALL,
)
from tasks.clean.kernel_types import Flags, Index, PerElement, Tables, Tags
from tasks.runtime.jit import jit

# An end tag closes no element farther up than this: a million of them would each climb a million levels.
MAX_CLIMB = 256
MIN_NOSCRIPT_BYTES = 400  # less asks the reader to switch scripts on


@jit
def close_element(stack: Any, depth: Index, code: PerElement, tag: int, kinds: Flags, roles: Flags) -> Any:
    """Return the depth after an end tag: unchanged when it closes no element within MAX_CLIMB levels.

    `stack` holds the open elements, `code` the tag of each element; `kinds` and `roles` are those of `tags.TABLES`.
    """
    # rows have no WALL of their own, but their end tags close an open cell
    is_cell = kinds[tag] & WALL or roles[tag] == ROW
    # the range stops above level 0, which is the page: no end tag closes it
    for level in range(depth - 1, max(0, depth - MAX_CLIMB), -1):
        open_tag = code[stack[level]]
        if open_tag == tag:
            return level
        # an end tag does not reach out of a table; only those of cells and rows reach out of a cell
        if roles[open_tag] == TABLE or (kinds[open_tag] & WALL and not is_cell):
            return depth
    return depth


@jit
def is_barrier(open_role: int, open_kind: int, role: int) -> Any:
    """Return whether an open element keeps a start tag of a role from closing an element outside of it."""
    # what begins in an inner list, <dl>, row or cell belongs there, and leaves the element around it open
    if open_role == TABLE or (role == ITEM and (open_role in (BULLETS, NUMBERS))):
        return True
    if (role == TERM and open_role == TERMS) or (role == CELL and open_role == ROW):
        return True
    return open_kind & WALL and (role in (ITEM, TERM))


@jit
def close_implied(stack: Any, depth: Index, code: PerElement, tag: int, kinds: Flags, roles: Flags) -> Any:
    """Return the depth after the end tags that a start tag implies (HTML standard, 13.1.2.4)."""
    role = roles[tag]
    if role in (READING, RUBY_BASE):  # a reading ends where the next one or the next base text begins
        open_role = roles[code[stack[depth - 1]]]
        return depth - 1 if depth > 1 and open_role in (READING, RUBY_BASE) else depth
    ends_its_like = role in (ITEM, TERM, CELL, ROW)  # <li> closes an open <li>, and so on
    for level in range(depth - 1, max(0, depth - MAX_CLIMB), -1):
        open_kind, open_role = kinds[code[stack[level]]], roles[code[stack[level]]]
        if ends_its_like:
            if open_role == role:
                return level
            if is_barrier(open_role, open_kind, role):
                return depth
        # the climb passes what is within a line, such as <span>: through it a block ends an open <p>, but not through
        # another block
        elif open_kind & BLOCK or not kinds[tag] & BLOCK:  # a paragraph ends where a block begins
            return level if open_role == PARA and kinds[tag] & BLOCK else depth
    return depth


@jit
def has_text_in_noscript(tags: Tags, noscript: int) -> Any:
    """Return whether most of a page's text stands in <noscript>, whose code is given: a page for those without scripts.

    The page that scripts would build is empty then, as in forums.
    """
    _, _, codes, _, weight, _, _ = tags
    inside, weights = 0, np.zeros(2, np.int64)
    for index in range(len(codes)):
        if abs(codes[index]) == noscript:
            inside = 1 if codes[index] > 0 else 0
        weights[inside] += weight[index]
    return weights[1] >= MIN_NOSCRIPT_BYTES and weights[1] > weights[0]


@jit
def build_elements(tags: Tags, tables: Tables) -> Any:
    """Open and close elements as the tags say. Return (elements, of_tag, (opener, in_link), greatest depth).

    `elements` is (code, parent, hints, text, linked, last, formulas), arrays with an entry an element; element 0 is the
    page. `text` counts the bytes of text, without white space, in the element and all below it, `linked` those of them
    in links. `last` is the last element below it, itself when there is none. `formulas` (elements, 2) counts <math>
    elements and scripts of TeX in the element.
    `of_tag` is, for each tag, the element that the text after it is in, and `in_link` whether that text is in a link.
    `opener` is the tag of each element.
    """
    _, _, codes, tag_hints, weight, _, _ = tags
    _, kinds, roles, _, _, _ = tables
    size = len(codes)
    # Each tag opens at most one element, and tag 0 stands for the page, element 0: so `size` entries suffice.
    code, parent, of_tag = np.zeros(size, np.int16), np.zeros(size, np.int32), np.zeros(size, np.int32)
    hints, text, linked = np.zeros(size, np.uint32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    # `stack[:depth]` are the open elements; stack[0] is the page, so the depth is never 0
    stack, is_skipped = np.zeros(size + 1, np.int32), np.zeros(size, np.bool_)
    # whether an element is, or is in, one that a tag within a line became; formulas
    is_unseen, last, formulas = np.zeros(size, np.bool_), np.arange(size), np.zeros((size, 2), np.int32)
    opener, in_link = np.zeros(size, np.int32), np.zeros(size, np.bool_)
    num, depth, max_depth, link_depth = 1, 1, 1, 0  # link_depth: of the element that an open link began in, or 0
    for index in range(size):
        tag = codes[index]
        kind = kinds[abs(tag)]
        role = roles[abs(tag)]
        # A link lasts to its end tag, to the next <a>, or to the end of the element it began in.
        if role == LINK:
            link_depth = depth if tag > 0 and tag_hints[index] & LINKED else 0
        # a tag within a line opens an element where it takes text out, and in there, so that end tags find their own
        opens = kind & OPENS or (
            kind & INLINE and (is_unseen[stack[depth - 1]] or (tag > 0 and tag_hints[index] & UNSEEN))
        )
        if opens and tag < 0:
            depth = close_element(stack, depth, code, -tag, kinds, roles)
        elif opens:
            depth = close_implied(stack, depth, code, tag, kinds, roles)
            above = stack[depth - 1]
            is_unseen[num] = is_unseen[above] or kind & INLINE != 0
            formulas[num, 0] = role == MATH
            code[num], parent[num], hints[num], opener[num] = tag, above, tag_hints[index], index
            is_skipped[num] = is_skipped[above] or kind & SKIPPED != 0
            stack[depth] = num
            depth, num = depth + 1, num + 1
            max_depth = max(max_depth, depth)
        if depth < link_depth:  # the element that an unclosed link began in has ended, and the link with it
            link_depth = 0
        within = stack[depth - 1]
        of_tag[index], in_link[index] = within, link_depth != 0
        formulas[within, 1] += role == SCRIPT and tag_hints[index] & TEX != 0
        if not is_skipped[within]:
            text[within] += weight[index]
            linked[within] += weight[index] if link_depth else 0
    # a parent comes before its children, so going backwards adds each element's sums when they are complete
    for element in range(num - 1, 0, -1):
        text[parent[element]] += text[element]
        linked[parent[element]] += linked[element]
        last[parent[element]] = max(last[parent[element]], last[element])
        formulas[parent[element], 0] += formulas[element, 0]
        formulas[parent[element], 1] += formulas[element, 1]
    elements = code[:num], parent[:num], hints[:num], text[:num], linked[:num], last[:num], formulas[:num]
    return elements, of_tag, (opener[:num], in_link), max_depth
