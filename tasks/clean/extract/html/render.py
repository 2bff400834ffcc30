"""The text of a page as a reader would copy it: a line a block or a table row, a bullet an item, code as it stands."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.tags import (
    BLOCK,
    BULLETS,
    CAPTION,
    CELL,
    HEADING,
    IMAGE,
    ITEM,
    NUMBERS,
    OPENS,
    PARAGRAPH,
    PRE,
    ROW,
    TABLE,
    TERMS,
)
from tasks.runtime.jit import jit

NEWLINE, SPACE, TAB, BAR, DOT, ZERO, AMPERSAND = 10, 32, 9, 124, 46, 48, 38
DEEPEST_LIST = 8
INDENTATION = 40  # at most, as in `tidy`
PER_TAG = 64  # bytes that a tag can add at most: a blank line, indentation, a number or a bullet, a bar
PER_BYTE = 4  # bytes that a byte becomes at most: a tab


@jit
def put_space(out: Any, size: int) -> Any:
    """One space, unless there is one."""
    if size and out[size - 1] > SPACE:
        out[size] = SPACE
        size += 1
    return size


@jit
def space_at(data: Any, at: int, stop: int) -> Any:
    """How many bytes of one white space stand there: also of a non-breaking space, and of the reference to it."""
    if data[at] <= SPACE:
        return 1
    if data[at] == 0xC2 and at + 1 < stop and data[at + 1] == 0xA0:
        return 2
    if data[at] == AMPERSAND and at + 5 < stop and data[at + 1] == 110 and data[at + 2] == 98:  # &nb
        return 6 if data[at + 3] == 115 and data[at + 4] == 112 and data[at + 5] == 59 else 0  # sp;
    return 0


@jit
def past_space(data: Any, at: int, stop: int) -> Any:
    """Where words begin, and how many spaces before them are meant: all from the first non-breaking one on."""
    meant = 0
    while at < stop:
        space = space_at(data, at, stop)
        if space == 0:
            break
        meant += space > 1 or meant > 0
        at += space
    return at, meant


@jit
def put(out: Any, size: int, data: Any, start: int, stop: int) -> Any:
    """Words with one space between them."""
    at = start
    while at < stop:
        space = space_at(data, at, stop)
        if space:
            size = put_space(out, size)
            at += space
        else:
            out[size] = data[at]
            size, at = size + 1, at + 1
    return size


@jit
def put_verbatim(out: Any, size: int, data: Any, start: int, stop: int) -> Any:
    """Lines with their indentation, where a tab is four spaces; after it, words with one space between them."""
    at = size
    while at and out[at - 1] == SPACE:
        at -= 1
    indents = at == 0 or out[at - 1] == NEWLINE
    at = start
    while at < stop:
        space = space_at(data, at, stop)
        if data[at] == NEWLINE:
            size = end_line(out, size, 1 if not size or out[size - 1] > SPACE else 2)
            indents = True
        elif not space:
            out[size] = data[at]
            size, indents = size + 1, False
        elif indents and data[at] >= TAB:
            for _ in range(4 if data[at] == TAB else 1):
                out[size] = SPACE
                size += 1
        elif data[at] >= TAB:
            size = put_space(out, size)
        at += max(space, 1)
    return size


@jit
def end_line(out: Any, size: int, lines: int) -> Any:
    """End the line, and leave a blank one when `lines` is 2."""
    while size and out[size - 1] == SPACE:
        size -= 1
    have = 0
    while have < min(size, 2) and out[size - 1 - have] == NEWLINE:
        have += 1
    for _ in range(lines - have if size else 0):
        out[size] = NEWLINE
        size += 1
    return size


@jit
def put_mark(out: Any, size: int, level: int, number: int) -> Any:
    """A bullet, or a number when it is not 0, indented by the level of its list."""
    for _ in range(2 * min(max(level - 1, 0), DEEPEST_LIST)):
        out[size] = SPACE
        size += 1
    if number == 0:
        out[size], out[size + 1], out[size + 2], out[size + 3] = 0xE2, 0x80, 0xA2, SPACE  # •
        return size + 4
    power = 1
    while power * 10 <= number:
        power *= 10
    while power:
        out[size] = ZERO + number // power % 10
        size, power = size + 1, power // 10
    out[size], out[size + 1] = DOT, SPACE
    return size + 2


@jit
def surroundings(code: Any, parent: Any, roles: Any) -> Any:
    """For each element: how many lists it lies in, whether it is preformatted, and its table, 0 if that is for layout.

    A table with headings, lists, code or a table in its cells is one for layout: its cells are blocks of their own.
    """
    level, verbatim = np.zeros(len(code), np.int32), np.zeros(len(code), np.bool_)
    table, for_layout = np.zeros(len(code), np.int32), np.zeros(len(code), np.bool_)
    for element in range(1, len(code)):
        above, role = parent[element], roles[code[element]]
        is_list = role in (BULLETS, NUMBERS)
        level[element] = level[above] + is_list
        verbatim[element] = verbatim[above] or role == PRE
        table[element] = element if role == TABLE else table[above]
        if is_list or role in (TABLE, HEADING, TERMS, PRE):
            for_layout[table[above]] = True
    for element in range(1, len(code)):
        if for_layout[table[element]]:
            table[element] = 0
    return level, verbatim, table


@jit
def breaks_of(role: int, kind: int, table: int, level: int) -> Any:
    """How many lines a tag ends: 0 in a cell, 2 between paragraphs outside lists."""
    if table and role not in (ROW, TABLE, CAPTION):
        return 0
    return 2 if kind & PARAGRAPH and not level else 1


@jit
def rendered(  # noqa: C901, PLR0912, PLR0915 - one pass with one state
    data: Any, tags: Any, elements: Any, of_tag: Any, out: Any, tables: Any, options: Any
) -> Any:
    """UTF-8 bytes; `out` says which elements are left out, `options` whether to write bullets and texts of images."""
    (start, stop, codes, _, _, alt), (code, parent, _, _, _), (bullets, image_texts) = tags, elements, options
    _, kinds, roles, _, _ = tables
    level, verbatim, table = surroundings(code, parent, roles)
    items = np.zeros(len(code), np.int32)
    text = np.empty(PER_BYTE * len(data) + PER_TAG * len(codes), np.uint8)
    size, breaks, item, cells = 0, 0, 0, 0
    for index in range(len(codes)):
        within = of_tag[index]
        kind, role = kinds[abs(codes[index])], roles[abs(codes[index])]
        if kind & BLOCK:
            is_list = codes[index] > 0 and (role in (BULLETS, NUMBERS))
            ends = breaks_of(role, kind, table[within], level[within] - is_list)
            if ends and not kind & OPENS and not level[within]:  # <br>: the second leaves a blank line
                breaks = min(breaks + 1, 2)
            breaks = max(breaks, ends)
            size = size if ends else put_space(text, size)
            if codes[index] > 0 and role == ITEM:
                items[parent[within]] += 1
                item = within if bullets else 0
            elif role == ROW:
                cells = 0
            elif codes[index] > 0 and role == CELL and table[within]:
                cells += 1
                if cells > 1 and not out[within] and not breaks:
                    text[size], text[size + 1] = BAR, SPACE
                    size += 2
        if out[within]:
            continue
        begin = stop[index]
        end = start[index + 1] if index + 1 < len(codes) else len(data)
        if role == IMAGE and image_texts and alt[index, 0] < alt[index, 1]:
            size, breaks = end_line(text, size, breaks), 0
            size = put(text, put_space(text, size), data, alt[index, 0], alt[index, 1])
            size = put_space(text, size)
        indents = 0
        if not verbatim[within]:
            begin, indents = past_space(data, begin, end)
            if begin > stop[index] and not breaks:
                size = put_space(text, size)
            indents = indents if breaks and not table[within] and not level[within] else 0
        if begin == end:
            breaks = 2 if indents else breaks
            continue
        if breaks:
            size, breaks = end_line(text, size, breaks), 0
        for _ in range(min(indents, INDENTATION)):
            text[size] = SPACE
            size += 1
        if item:
            number = items[parent[item]] if roles[code[parent[item]]] == NUMBERS else 0
            size, item = put_mark(text, size, level[item], number), 0
        size = put_verbatim(text, size, data, begin, end) if verbatim[within] else put(text, size, data, begin, end)
    return text[: end_line(text, size, 0)]
