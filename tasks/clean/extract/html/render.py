"""The text of a page as a reader would copy it.

A block and a table row become a line, a list item gets a bullet or a number, code keeps its lines and indentation.
"""

from typing import Any

import numpy as np

from tasks.clean.extract.html.attributes import NO_NUMBER
from tasks.clean.extract.html.formulas import find_tex, put_mathml, put_tex, trim_tex
from tasks.clean.extract.html.list_marks import choose_number, count_items, find_lists, put_list_mark
from tasks.clean.extract.html.name_words import DISPLAYED, PICTURED, REVERSED
from tasks.clean.extract.html.output import SPACE, end_line, put_space, put_verbatim, put_words, skip_space
from tasks.clean.extract.html.raised import put_raised
from tasks.clean.extract.html.tags import (
    BLOCK,
    BULLETS,
    CAPTION,
    CELL,
    HEADING,
    IMAGE,
    ITEM,
    MATH,
    NUMBERS,
    OPENS,
    PARAGRAPH,
    PRE,
    ROW,
    SCRIPT,
    SUB,
    SUP,
    TABLE,
    TERM,
    TERMS,
)
from tasks.clean.kernel_types import Bytes, Elements, Flags, Index, PerElement, Tables, Tags
from tasks.runtime.jit import jit

BAR = 124
MAX_INDENTATION = 40  # as in `whitespace.tidy_text`
MAX_BYTES_PER_TAG = 64  # the output for a tag: a blank line, indentation, a number or a bullet, a bar
MAX_BYTES_PER_BYTE = 4  # the output for a byte: four spaces for a tab
PILCROW = np.frombuffer("¶".encode() + b"&para;&#182;", np.uint8)  # as it stands behind headings, in three spellings


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
def start_words(
    out: Bytes, size: Index, breaks: Index, item: Index, within: Index, lists: Any, elements: Elements
) -> Any:
    """End the line before and write the list mark that is due, if the words are in that item; return the new size."""
    if breaks:
        size = end_line(out, size, breaks)
    level, list_of, is_numbered, numbers = lists
    _, _, hints, _, _, last, _ = elements
    # an item that ended without a word leaves no mark
    if item and item <= within <= last[item]:
        own_list = list_of[item]
        size = put_list_mark(out, size, level[item], is_numbered[own_list], numbers[own_list], hints[own_list])
    return size


@jit
def drop_pilcrow(out: Bytes, size: Index) -> Any:
    """Return the size without the ¶ that a heading ends with: a link to itself."""
    end = size
    while end and out[end - 1] == SPACE:
        end -= 1
    for length, start in ((2, 0), (6, 2), (6, 8)):
        same = 0
        while same < length and end > length and out[end - length + same] == PILCROW[start + same]:
            same += 1
        if same == length:
            return end - length
    return size


@jit
def render_text(  # noqa: C901, PLR0912, PLR0915 - one pass with one state
    data: Bytes, tags: Tags, elements: Elements, of_tag: PerElement, left_out: PerElement, tables: Tables, options: Any
) -> Any:
    """Return the text as UTF-8 bytes, without what is left out.

    `of_tag` is the element that the text after a tag is in, `left_out` whether that text is left out; `options` are
    (write bullets, write alternative texts).
    """
    (start, stop, codes, tag_hints, _, alt, number), (code, parent, hints, weights, _, last, formulas) = tags, elements
    (bullets, alt_texts), (_, kinds, roles, _, _, _) = options, tables
    level, verbatim, table = find_surroundings(code, parent, roles)
    list_of = find_lists(code, parent, roles)
    is_numbered, num_items = roles[code] == NUMBERS, count_items(code, list_of, roles)
    numbers = np.zeros(len(code), np.int64)  # of each list's last item so far
    lists = level, list_of, is_numbered, numbers
    # Compiled code checks no bounds, so this has to suffice for any page. Most of it is never written, and memory that
    # is not written is not used.
    text = np.empty(MAX_BYTES_PER_BYTE * len(data) + MAX_BYTES_PER_TAG * len(codes), np.uint8)
    # Line breaks and list marks are pending until there is text to write: `breaks` of them, and `item`, the list item
    # whose mark is due, or 0. `num_cells` counts those of the table row.
    size, breaks, item, num_cells = 0, 0, 0, 0
    # `raised` is the role of the <sup> or <sub> that is open, or 0, and its text begins at `raised_start`, -1 where
    # there is none yet; elements up to `formula_end` are in the formula that was written last
    raised, raised_start, formula_start, formula_end = 0, -1, 0, -1
    for index in range(len(codes)):
        within = of_tag[index]
        kind, role = kinds[abs(codes[index])], roles[abs(codes[index])]
        if kind & BLOCK:
            raised = 0
            is_list = codes[index] > 0 and (role in (BULLETS, NUMBERS))
            if is_list:
                is_reversed = hints[within] & REVERSED
                first = number[index] if number[index] != NO_NUMBER else num_items[within] if is_reversed else 1
                numbers[within] = first + 1 if is_reversed else first - 1
            elif codes[index] < 0 and (role in (HEADING, TERM)) and not breaks:
                size = drop_pilcrow(text, size)
            # a list's start tag is already within the list; what counts is whether a list is around it
            num_breaks = count_breaks(role, kind, table[within], level[within] - is_list)
            if num_breaks and not kind & OPENS and not level[within]:  # <br>: the second leaves a blank line
                breaks = min(breaks + 1, 2)
            breaks = max(breaks, num_breaks)
            size = size if num_breaks else put_space(text, size)
            if codes[index] > 0 and role == ITEM:
                # excluded items count too, so that the others keep their numbers
                own_list = list_of[within]
                numbers[own_list] = choose_number(number[index], numbers[own_list], hints[own_list])
                item = within if bullets else 0
            elif role == ROW:
                num_cells = 0
            elif codes[index] > 0 and role == CELL and table[within]:
                num_cells += 1
                if num_cells > 1 and not left_out[index] and not breaks:
                    text[size], text[size + 1] = BAR, SPACE
                    size += 2
        elif raised and codes[index] < 0 and role == raised:
            if raised_start >= 0:
                size = put_raised(text, raised_start, size, raised)
            raised = 0
        elif codes[index] > 0 and (role in (SUP, SUB)):
            raised, raised_start = role, -1
        if left_out[index] or formula_start <= within <= formula_end:
            continue
        begin = stop[index]
        end = start[index + 1] if index + 1 < len(codes) else len(data)
        if role == IMAGE and alt[index, 0] < alt[index, 1]:
            is_formula = tag_hints[index] & PICTURED and formulas[within, 0] == 0
            if is_formula or (alt_texts and not tag_hints[index] & PICTURED):
                size, breaks, item = start_words(text, size, breaks, item, within, lists, elements), 0, 0
                size = put_space(text, size)
                if is_formula:
                    first, behind = trim_tex(data, alt[index, 0], alt[index, 1])
                    size = put_tex(text, size, data, first, behind, False)
                else:
                    size = put_space(text, put_words(text, size, data, alt[index, 0], alt[index, 1]))
        elif (role == MATH and codes[index] > 0) or (role == SCRIPT and alt[index, 0] < alt[index, 1]):
            first, behind = alt[index, 0], alt[index, 1]
            if role == MATH:
                formula_start, formula_end = within, last[within]
                first, behind = find_tex(data, tags, of_tag, index, formula_end, roles)
                if first == behind and weights[within] == 0:
                    continue
            size, breaks, item = start_words(text, size, breaks, item, within, lists, elements), 0, 0
            if first < behind:
                size = put_tex(text, size, data, first, behind, tag_hints[index] & DISPLAYED != 0)
            else:
                after = index + 1
                while after < len(codes) and formula_start <= of_tag[after] <= formula_end:
                    after += 1
                size = put_mathml(text, size, data, begin, start[after] if after < len(codes) else len(data))
            if role == MATH:
                continue
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
            size, item = start_words(text, size, 0, item, within, lists, elements), 0
        if raised and raised_start < 0:
            raised_start = size
        size = (
            put_verbatim(text, size, data, begin, end) if verbatim[within] else put_words(text, size, data, begin, end)
        )
    return text[: end_line(text, size, 0)]
