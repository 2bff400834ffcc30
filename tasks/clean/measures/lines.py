"""The lines and paragraphs of a text: how they begin and end, and which stood there before.

A blank line is no line; it parts paragraphs.
"""

from typing import Any

import numpy as np

from tasks.clean.measures.characters import FLAGS, TERMINAL
from tasks.clean.measures.hash_table import first_of
from tasks.clean.measures.line_scanner import HASH, LENGTH, TAIL
from tasks.runtime.jit import jit_inline
from tasks.runtime.text_kernels import decode_character, mix_bits

# What is counted, in this order.
COUNTS = (
    "num_lines",
    "num_line_breaks",
    "num_bullet_lines",
    "num_ellipsis_lines",
    "num_terminal_lines",  # that end in a punctuation mark that ends sentences
    "num_short_lines",
    "num_duplicate_lines",
    "num_duplicate_line_characters",
    "num_paragraphs",
    "num_duplicate_paragraphs",
    "num_duplicate_paragraph_characters",
)
LINES, BREAKS, BULLETS, ELLIPSES, TERMINALS, SHORT, TWICE, TWICE_CHARACTERS, PARAGRAPHS, AGAIN, AGAIN_CHARACTERS = (
    range(11)
)

BULLET = np.array([ord(character) for character in "•‣▪●○◦·-*–"], np.uint32)
SHORT_LINE = 30  # code points, as in FineWeb


@jit_inline
def count_line(data: Any, start: Any, table: Any, line: Any, counts: Any) -> Any:
    """Count one line that was read; returns its hash, with that of its indentation."""
    first, tail = start, line[TAIL]
    while data[first] == ord(" ") or data[first] == ord("\t"):
        first += 1
    counts[LINES] += 1
    counts[SHORT] += 1 if line[LENGTH] <= SHORT_LINE else 0
    code, _ = decode_character(data, first, tail)
    counts[BULLETS] += 1 if among(code, BULLET) else 0
    code = last_of(data, start, tail)
    entry = table[code] if code < table.size else np.uint32(0)
    counts[TERMINALS] += 1 if entry >> np.uint32(FLAGS) & np.uint32(TERMINAL) else 0
    counts[ELLIPSES] += 1 if ends_in_ellipsis(data, start, tail) else 0
    return mix_bits(np.uint64(line[HASH]) + np.uint64(first - start))


@jit_inline
def among(code: Any, some: Any) -> Any:
    """Whether a code point is one of a few."""
    found = False
    for each in some:
        found |= code == each
    return found


@jit_inline
def last_of(data: Any, start: Any, end: Any) -> Any:
    """The last code point before `end`."""
    place = end - 1
    while place > start and data[place] & np.uint8(0xC0) == np.uint8(0x80):
        place -= 1
    code, _ = decode_character(data, place, end)
    return code


@jit_inline
def ends_in_ellipsis(data: Any, start: Any, end: Any) -> Any:
    """Whether `...` or `…` stands before `end`."""
    return last_of(data, start, end) == ord("…") or (
        end - start >= 3 and data[end - 1] == data[end - 2] == data[end - 3] == ord(".")
    )


@jit_inline
def count_twice(seen: Any, mask: Any, since: Any, hashed: Any, place: Any, length: Any, counts: Any, kind: Any) -> None:
    """Count a line (`kind` is TWICE) or paragraph (AGAIN) that stood before, and its characters."""
    again = first_of(seen, mask, since, hashed, place) != place
    counts[kind] += again
    counts[kind + 1] += again * length
