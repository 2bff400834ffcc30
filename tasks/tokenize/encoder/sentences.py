"""Where sentences start: a plain rule that works in any language with these marks, and never inside a character.

A full stop ends a sentence when space follows and then no small letter (`e.g. this` goes on); Chinese marks need no
space; a line end always does.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.runtime.jit import jit

Ints = npt.NDArray[np.int64]

# What a byte may be: a bracket or quote that closes, a small letter, a blank, a line end, an end mark, the first byte
# of a wide one. A sentence may end from LINE on.
CLOSER, SMALL, BLANK, LINE, MARK, WIDE = 1, 2, 3, 4, 5, 6
KINDS = np.zeros(256, np.uint8)
for _kind, _letters in ((MARK, b".!?"), (CLOSER, b"'\")]"), (BLANK, b" \t\r\f\v"), (LINE, b"\n")):
    KINDS[list(_letters)] = _kind
KINDS[ord("a") : ord("z") + 1] = SMALL
KINDS[[0xE2, 0xE3, 0xEF]] = WIDE


def wide(letters: str) -> Ints:
    """The three bytes of each character as one number."""
    return np.array([int.from_bytes(letter.encode()) for letter in letters], np.int64)


WIDE_MARKS, WIDE_CLOSERS = wide("。！？｡…"), wide("”’」』）》")


@jit
def is_wide(data: Any, place: Any, end: Any, letters: Any) -> Any:
    """Whether one of these characters of three bytes stands here."""
    if place + 3 > end:
        return False
    code = np.int64(data[place]) << 16 | np.int64(data[place + 1]) << 8 | np.int64(data[place + 2])
    for letter in letters:  # noqa: SIM110 - compiled
        if letter == code:
            return True
    return False


@jit
def run(data: Any, place: Any, end: Any, kinds: Any, first: Any, last: Any) -> Any:
    """Where a run of bytes of these kinds ends."""
    while place < end and first <= kinds[data[place]] <= last:
        place += 1
    return place


@jit
def wide_run(data: Any, place: Any, end: Any, letters: Any) -> Any:
    """Where a run of these characters ends."""
    while place < end and is_wide(data, place, end, letters):
        place += 3
    return place


@jit
def spaces(data: Any, place: Any, end: Any) -> Any:
    """Where a run of spaces and tabs ends."""
    while place < end and (data[place] == 32 or data[place] == 9):
        place += 1
    return place


@jit
def after(data: Any, place: Any, end: Any, kinds: Any, marks: Any, closers: Any) -> Any:
    """Where the next sentence starts if one ends here (-1 if not), and where to look on. A run is taken whole."""
    kind = kinds[data[place]]
    if kind == MARK:
        on = run(data, place, end, kinds, MARK, MARK)
        closed = run(data, on, end, kinds, CLOSER, CLOSER)
        start = run(data, closed, end, kinds, BLANK, BLANK)
        if start > closed and (start == end or kinds[data[start]] != SMALL):
            return start, start
        return -1, on
    if kind == LINE:
        start = run(data, place, end, kinds, BLANK, LINE)
        return start, start
    if is_wide(data, place, end, marks):
        start = spaces(data, wide_run(data, wide_run(data, place, end, marks), end, closers), end)
        return start, start
    return -1, place + 1


@jit
def fill_starts(data: Any, offsets: Any, kinds: Any, marks: Any, closers: Any, out: Any) -> Any:
    """Fill `out` with the starts; returns how many."""
    count = 0
    for row in range(offsets.size - 1):
        place, end = offsets[row], offsets[row + 1]
        if place < end:
            out[count] = place
            count += 1
        while place < end:
            if kinds[data[place]] < LINE:
                place += 1
                continue
            start, place = after(data, place, end, kinds, marks, closers)
            if 0 <= start < end:
                out[count] = start
                count += 1
    return count


def find_sentence_starts(data: npt.NDArray[np.uint8], offsets: Ints) -> Ints:
    """Where sentences start in texts that lie in UTF-8 at these offsets; an empty text has none."""
    out = np.empty(int(offsets[-1] - offsets[0]), np.int64)
    return out[: fill_starts(data, offsets, KINDS, WIDE_MARKS, WIDE_CLOSERS, out)]
