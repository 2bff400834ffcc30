"""The text of a page as a reader would copy it.

A block and a table row become a line, a list item gets a bullet or a number, code keeps its lines and indentation.
The functions `put_…` and `end_line` write to `out` after its first `size` bytes, and return the new size.
"""

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
from tasks.clean.kernel_types import Bytes, Elements, Flags, Index, PerElement, Tables, Tags
from tasks.runtime.jit import jit

NEWLINE, SPACE, TAB, BAR, DOT, ZERO, AMPERSAND = 10, 32, 9, 124, 46, 48, 38
MAX_LIST_LEVEL = 8
MAX_INDENTATION = 40  # as in `whitespace.tidy_text`
MAX_BYTES_PER_TAG = 64  # the output for a tag: a blank line, indentation, a number or a bullet, a bar
MAX_BYTES_PER_BYTE = 4  # the output for a byte: four spaces for a tab


@jit
def put_space(out: Bytes, size: Index) -> Any:
    """Write a space, unless one is there or the line is empty."""
    # space and line feed are the only bytes up to 32 in `out`
    if size and out[size - 1] > SPACE:
        out[size] = SPACE
        size += 1
    return size


@jit
def space_length(data: Bytes, position: Index, stop: Index) -> Any:
    """Return the bytes of one white space at a position, also of a non-breaking one or its reference; 0 for none."""
    if data[position] <= SPACE:
        return 1
    # U+00A0 in UTF-8
    if data[position] == 0xC2 and position + 1 < stop and data[position + 1] == 0xA0:
        return 2
    # `&nbsp;` byte by byte, first `&nb`, then `sp;`: references are decoded only after rendering
    if data[position] == AMPERSAND and position + 5 < stop and data[position + 1] == 110 and data[position + 2] == 98:
        return 6 if data[position + 3] == 115 and data[position + 4] == 112 and data[position + 5] == 59 else 0
    return 0


@jit
def skip_space(data: Bytes, position: Index, stop: Index) -> Any:
    """Return where words begin, and the number of spaces to keep: all from the first non-breaking one on."""
    num_kept = 0
    while position < stop:
        space = space_length(data, position, stop)
        if space == 0:
            break
        num_kept += space > 1 or num_kept > 0
        position += space
    return position, num_kept


@jit
def put_words(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index) -> Any:
    """Write words with one space between them."""
    position = start
    while position < stop:
        space = space_length(data, position, stop)
        if space:
            size = put_space(out, size)
            position += space
        else:
            out[size] = data[position]
            size, position = size + 1, position + 1
    return size


@jit
def put_verbatim(out: Bytes, size: Index, data: Bytes, start: Index, stop: Index) -> Any:
    """Write lines with their indentation, a tab as four spaces, and after it words with one space between them."""
    # at the start of a line, or behind nothing but its indentation, white space is indentation
    line_start = size
    while line_start and out[line_start - 1] == SPACE:
        line_start -= 1
    is_indentation = line_start == 0 or out[line_start - 1] == NEWLINE
    position = start
    while position < stop:
        space = space_length(data, position, stop)
        if data[position] == NEWLINE:
            size = end_line(out, size, 1 if not size or out[size - 1] > SPACE else 2)
            is_indentation = True
        elif not space:
            out[size] = data[position]
            size, is_indentation = size + 1, False
        elif is_indentation and data[position] >= TAB:
            for _ in range(4 if data[position] == TAB else 1):
                out[size] = SPACE
                size += 1
        elif data[position] >= TAB:
            size = put_space(out, size)
        position += max(space, 1)
    return size


@jit
def end_line(out: Bytes, size: Index, lines: Index) -> Any:
    """End the line without its trailing spaces; leave a blank one after it when `lines` is 2."""
    while size and out[size - 1] == SPACE:
        size -= 1
    # `lines` is 1 or 2 breaks in all, not in addition; none at the start of the text
    num_breaks = 0  # that are there already
    while num_breaks < min(size, 2) and out[size - 1 - num_breaks] == NEWLINE:
        num_breaks += 1
    for _ in range(lines - num_breaks if size else 0):
        out[size] = NEWLINE
        size += 1
    return size


@jit
def put_list_mark(out: Bytes, size: Index, level: Index, number: Index) -> Any:
    """Write a bullet, or a number when it is not 0, indented by the level of its list."""
    for _ in range(2 * min(max(level - 1, 0), MAX_LIST_LEVEL)):
        out[size] = SPACE
        size += 1
    if number == 0:
        out[size], out[size + 1], out[size + 2], out[size + 3] = 0xE2, 0x80, 0xA2, SPACE  # •
        return size + 4
    # the decimal digits, the highest first
    power = 1
    while power * 10 <= number:
        power *= 10
    while power:
        out[size] = ZERO + number // power % 10
        size, power = size + 1, power // 10
    out[size], out[size + 1] = DOT, SPACE
    return size + 2


@jit
def find_surroundings(code: PerElement, parent: PerElement, roles: Flags) -> Any:
    """Return for each element the number of lists around it, whether it is preformatted, and its table or 0.

    A table with headings, lists, code or a table in its cells is used for layout: it counts as none, and its cells are
    blocks of their own.
    """
    level, verbatim = np.zeros(len(code), np.int32), np.zeros(len(code), np.bool_)
    table, for_layout = np.zeros(len(code), np.int32), np.zeros(len(code), np.bool_)
    for element in range(1, len(code)):
        above, role = parent[element], roles[code[element]]
        is_list = role in (BULLETS, NUMBERS)
        level[element] = level[above] + is_list
        verbatim[element] = verbatim[above] or role == PRE
        table[element] = element if role == TABLE else table[above]
        # outside tables this marks entry 0, which has no effect: 0 is no table
        if is_list or role in (TABLE, HEADING, TERMS, PRE):
            for_layout[table[above]] = True
    for element in range(1, len(code)):
        if for_layout[table[element]]:
            table[element] = 0
    return level, verbatim, table


@jit
def count_breaks(role: int, kind: int, table: Index, level: Index) -> Any:
    """Return the number of line breaks at a block's tag: 0 in a cell, 2 between paragraphs outside lists."""
    if table and role not in (ROW, TABLE, CAPTION):
        return 0
    return 2 if kind & PARAGRAPH and not level else 1


@jit
def render_text(  # noqa: C901, PLR0912, PLR0915 - one pass with one state
    data: Bytes, tags: Tags, elements: Elements, of_tag: PerElement, excluded: PerElement, tables: Tables, options: Any
) -> Any:
    """Return the text as UTF-8 bytes, without the excluded elements.

    `of_tag` is the element that the text after a tag is in; `options` are (write bullets, write alternative texts).
    """
    (start, stop, codes, _, _, alt), (code, parent, _, _, _), (bullets, alt_texts) = tags, elements, options
    _, kinds, roles, _, _ = tables
    level, verbatim, table = find_surroundings(code, parent, roles)
    items = np.zeros(len(code), np.int32)
    # Compiled code checks no bounds, so this has to suffice for any page. Most of it is never written, and memory that
    # is not written is not used.
    text = np.empty(MAX_BYTES_PER_BYTE * len(data) + MAX_BYTES_PER_TAG * len(codes), np.uint8)
    # Line breaks and list marks are pending until there is text to write: `breaks` of them, and `item`, the list item
    # whose mark is due, or 0. `num_cells` counts those of the table row.
    size, breaks, item, num_cells = 0, 0, 0, 0
    for index in range(len(codes)):
        within = of_tag[index]
        kind, role = kinds[abs(codes[index])], roles[abs(codes[index])]
        if kind & BLOCK:
            is_list = codes[index] > 0 and (role in (BULLETS, NUMBERS))
            # a list's start tag is already within the list; what counts is whether a list is around it
            num_breaks = count_breaks(role, kind, table[within], level[within] - is_list)
            if num_breaks and not kind & OPENS and not level[within]:  # <br>: the second leaves a blank line
                breaks = min(breaks + 1, 2)
            breaks = max(breaks, num_breaks)
            size = size if num_breaks else put_space(text, size)
            if codes[index] > 0 and role == ITEM:
                # excluded items count too, so that the others keep their numbers
                items[parent[within]] += 1
                item = within if bullets else 0
            elif role == ROW:
                num_cells = 0
            elif codes[index] > 0 and role == CELL and table[within]:
                num_cells += 1
                if num_cells > 1 and not excluded[within] and not breaks:
                    text[size], text[size + 1] = BAR, SPACE
                    size += 2
        if excluded[within]:
            continue
        begin = stop[index]
        end = start[index + 1] if index + 1 < len(codes) else len(data)
        if role == IMAGE and alt_texts and alt[index, 0] < alt[index, 1]:
            size, breaks = end_line(text, size, breaks), 0
            size = put_words(text, put_space(text, size), data, alt[index, 0], alt[index, 1])
            size = put_space(text, size)
        indentation = 0
        if not verbatim[within]:
            begin, indentation = skip_space(data, begin, end)
            if begin > stop[index] and not breaks:
                size = put_space(text, size)
            # non-breaking spaces at the start of a line are how some pages indent code
            indentation = indentation if breaks and not table[within] and not level[within] else 0
        if begin == end:
            breaks = 2 if indentation else breaks  # a line of non-breaking spaces is a blank line
            continue
        if breaks:
            size, breaks = end_line(text, size, breaks), 0
        for _ in range(min(indentation, MAX_INDENTATION)):
            text[size] = SPACE
            size += 1
        if item:
            number = items[parent[item]] if roles[code[parent[item]]] == NUMBERS else 0
            size, item = put_list_mark(text, size, level[item], number), 0
        size = (
            put_verbatim(text, size, data, begin, end) if verbatim[within] else put_words(text, size, data, begin, end)
        )
    return text[: end_line(text, size, 0)]
