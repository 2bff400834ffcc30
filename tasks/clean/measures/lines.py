"""Counts of the lines and paragraphs of a text: how they begin and end, and which repeat an earlier one.

A blank line is not counted as a line; it separates paragraphs.
"""

from typing import Any

import numpy as np

from tasks.clean.kernel_types import Bytes, CharacterTable, CodePoint, Counts, Hash, HashTable, Index, LineFields
from tasks.clean.measures.characters import FLAG_SHIFT, TERMINAL
from tasks.clean.measures.hash_table import insert_or_get
from tasks.clean.measures.line_scanner import HASH, LENGTH, TAIL
from tasks.runtime.jit import jit_inline
from tasks.runtime.text_kernels import decode_character, mix_bits

# The counts, in this order.
COUNT_NAMES = (
    "num_lines",
    "num_line_breaks",
    "num_bullet_lines",
    "num_ellipsis_lines",
    "num_terminal_lines",  # lines that end in a mark that ends sentences
    "num_short_lines",
    "num_duplicate_lines",
    "num_duplicate_line_characters",
    "num_paragraphs",
    "num_duplicate_paragraphs",
    "num_duplicate_paragraph_characters",
)
(
    LINES,
    BREAKS,
    BULLETS,
    ELLIPSES,
    TERMINALS,
    SHORT,
    DUPLICATE_LINES,
    DUPLICATE_LINE_CHARACTERS,
    PARAGRAPHS,
    DUPLICATE_PARAGRAPHS,
    DUPLICATE_PARAGRAPH_CHARACTERS,
) = range(11)

BULLET_MARKS = np.array([ord(character) for character in "•‣▪●○◦·-*–"], np.uint32)
MAX_SHORT_LINE = 30  # code points, as in FineWeb


@jit_inline
def count_line(data: Bytes, start: Index, table: CharacterTable, line: LineFields, counts: Counts) -> Hash:
    """Count one line that was read; return a hash of its words and its indentation."""
    first, tail = start, line[TAIL]
    # ends inside the line, which is not blank
    while data[first] == ord(" ") or data[first] == ord("\t"):
        first += 1
    counts[LINES] += 1
    counts[SHORT] += 1 if line[LENGTH] <= MAX_SHORT_LINE else 0
    code, _ = decode_character(data, first, tail)
    counts[BULLETS] += 1 if is_one_of(code, BULLET_MARKS) else 0
    code = read_last_character(data, start, tail)
    entry = table[code] if code < table.size else np.uint32(0)
    counts[TERMINALS] += 1 if entry >> np.uint32(FLAG_SHIFT) & np.uint32(TERMINAL) else 0
    counts[ELLIPSES] += 1 if ends_in_ellipsis(data, start, tail) else 0
    return mix_bits(np.uint64(line[HASH]) + np.uint64(first - start))


@jit_inline
def is_one_of(code: CodePoint, few: Any) -> bool:
    """Return whether a code point is one of a few."""
    is_found = False
    for other in few:
        is_found |= code == other  # without a branch
    return is_found


@jit_inline
def read_last_character(data: Bytes, start: Index, end: Index) -> CodePoint:
    """Return the last code point of data[start:end]."""
    position = end - 1
    while position > start and data[position] & np.uint8(0xC0) == np.uint8(0x80):  # a continuation byte of UTF-8
        position -= 1
    code, _ = decode_character(data, position, end)
    return code


@jit_inline
def ends_in_ellipsis(data: Bytes, start: Index, end: Index) -> Any:
    """Return whether data[start:end] ends in `...` or `…`."""
    return read_last_character(data, start, end) == ord("…") or (
        end - start >= 3 and data[end - 1] == data[end - 2] == data[end - 3] == ord(".")
    )


@jit_inline
def count_duplicate(
    table: HashTable, mask: Index, base: Index, value: Hash, position: Index, length: Index, counts: Counts, kind: Index
) -> None:
    """Count a line or paragraph with the hash `value` that repeats an earlier one, and its `length` in characters.

    `kind` is DUPLICATE_LINES or DUPLICATE_PARAGRAPHS; the count of characters follows it.
    """
    is_duplicate = insert_or_get(table, mask, base, value, position) != position
    counts[kind] += is_duplicate
    counts[kind + 1] += is_duplicate * length
