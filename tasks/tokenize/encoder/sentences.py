"""Find where sentences start: a plain rule that works in any language with these marks, and never inside a character.

A full stop ends a sentence when space follows and then no small letter (`e.g. this` goes on); Chinese marks need no
space; a line end always does.
"""

from typing import Any

import numpy as np

from tasks.runtime.array_types import Bytes, Offsets
from tasks.runtime.jit import jit
from tasks.tokenize.encoder.array_types import Ints

# Kinds of bytes: a bracket or quote that closes, a small letter, a blank, a line end, an end mark, the first byte of a
# mark of three bytes. Only bytes of the kinds from LINE on can end a sentence, so one comparison skips the others.
CLOSER, SMALL, BLANK, LINE, MARK, WIDE = 1, 2, 3, 4, 5, 6
BYTE_KINDS = np.zeros(256, np.uint8)
for _kind, _letters in ((MARK, b".!?"), (CLOSER, b"'\")]"), (BLANK, b" \t\r\f\v"), (LINE, b"\n")):
    BYTE_KINDS[list(_letters)] = _kind
BYTE_KINDS[ord("a") : ord("z") + 1] = SMALL
# … begins with E2, 。 with E3, ！？｡ with EF.
BYTE_KINDS[[0xE2, 0xE3, 0xEF]] = WIDE


def pack_characters(letters: str) -> Ints:
    """Return the three bytes of each character as one number."""
    return np.array([int.from_bytes(letter.encode()) for letter in letters], np.int64)


WIDE_MARKS, WIDE_CLOSERS = pack_characters("。！？｡…"), pack_characters("”’」』）》")


@jit
def is_one_of(data: Bytes, position: int, end: int, characters: Ints) -> Any:
    """Tell whether one of these characters of three bytes (packed) stands at a position."""
    if position + 3 > end:
        return False
    code = np.int64(data[position]) << 16 | np.int64(data[position + 1]) << 8 | np.int64(data[position + 2])
    for character in characters:  # noqa: SIM110 - compiled
        if character == code:
            return True
    return False


@jit
def skip_kinds(data: Bytes, position: int, end: int, kinds: Bytes, first: int, last: int) -> Any:
    """Return the end of a run of bytes of the kinds from first to last."""
    while position < end and first <= kinds[data[position]] <= last:
        position += 1
    return position


@jit
def skip_characters(data: Bytes, position: int, end: int, characters: Ints) -> Any:
    """Return the end of a run of these characters of three bytes (packed)."""
    while position < end and is_one_of(data, position, end, characters):
        position += 3
    return position


@jit
def skip_spaces(data: Bytes, position: int, end: int) -> Any:
    """Return the end of a run of spaces and tabs."""
    while position < end and (data[position] == 32 or data[position] == 9):
        position += 1
    return position


@jit
def find_next_start(data: Bytes, position: int, end: int, kinds: Bytes, marks: Ints, closers: Ints) -> Any:
    """Return the start of the next sentence if one ends at `position` (-1 if not), and the position to look on from.

    Runs of marks, closers and blanks are passed as a whole, so that long ones take linear time.
    """
    kind = kinds[data[position]]
    if kind == MARK:
        after_marks = skip_kinds(data, position, end, kinds, MARK, MARK)
        after_closers = skip_kinds(data, after_marks, end, kinds, CLOSER, CLOSER)
        start = skip_kinds(data, after_closers, end, kinds, BLANK, BLANK)
        if start > after_closers and (start == end or kinds[data[start]] != SMALL):
            return start, start
        return -1, after_marks
    if kind == LINE:
        start = skip_kinds(data, position, end, kinds, BLANK, LINE)
        return start, start
    if is_one_of(data, position, end, marks):
        after_marks = skip_characters(data, position, end, marks)
        start = skip_spaces(data, skip_characters(data, after_marks, end, closers), end)
        return start, start
    return -1, position + 1


@jit
def fill_starts(data: Bytes, offsets: Offsets, kinds: Bytes, marks: Ints, closers: Ints, out: Ints) -> Any:
    """Write the positions where sentences start to `out`; returns how many there are."""
    count = 0
    for row in range(offsets.size - 1):
        position, end = offsets[row], offsets[row + 1]
        # the first sentence starts with the text, whatever it begins with
        if position < end:
            out[count] = position
            count += 1
        while position < end:
            if kinds[data[position]] < LINE:
                position += 1
                continue
            start, position = find_next_start(data, position, end, kinds, marks, closers)
            # a mark at the end of the text starts nothing
            if 0 <= start < end:
                out[count] = start
                count += 1
    return count


def find_sentence_starts(data: Bytes, offsets: Offsets) -> Ints:
    """Return the bytes at which sentences start in the texts at these offsets; an empty text has none."""
    # no two sentences start at one byte
    starts = np.empty(int(offsets[-1] - offsets[0]), np.int64)
    return starts[: fill_starts(data, offsets, BYTE_KINDS, WIDE_MARKS, WIDE_CLOSERS, starts)]
