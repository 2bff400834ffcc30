"""Cut texts into pieces and number them, in one pass over the UTF-8 bytes: words repeat, so most are known."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.runtime.jit import jit
from tasks.tokenize.encoder.split_points import PretokenizerFamily, build_tables

Int32s = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

MAX_PRETOKENS = 1 << 20  # different pieces; so many and their ids take some 100 MB
FNV_START, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # Fowler, Noll, Vo: draft-eastlake-fnv
SPACE = 32
END = 0  # the number of the piece without text that ends every document


class PretokenSpans(NamedTuple):
    """The pieces of some texts: the number of each, and the byte at which it ends."""

    numbers: Int32s
    ends: Ints


def allocate_spans(offsets: Ints) -> PretokenSpans:
    """Room for all pieces of texts at these offsets: memory is taken only as it is written."""
    most = int(offsets[-1] - offsets[0]) + len(offsets)
    return PretokenSpans(np.empty(most, np.int32), np.empty(most, np.int64))


class PretokenTable(NamedTuple):
    """The different pieces: a hash table of their numbers, and their hashes and text."""

    slots: Int32s
    hashes: npt.NDArray[np.uint64]
    ends: Ints  # piece n is text[ends[n - 1] : ends[n]]
    text: Bytes


class PretokenCache:
    """Numbers for different pieces of text, counted up as they are first seen, until a limit is reached."""

    def __init__(
        self, family: PretokenizerFamily, most: int = MAX_PRETOKENS, most_bytes: int = 32 * MAX_PRETOKENS
    ) -> None:
        self.tables = build_tables(family)
        slots = np.zeros(1 << (2 * most - 1).bit_length(), np.int32)
        hashes, ends = np.zeros(most + 1, np.uint64), np.zeros(most + 1, np.int64)
        self.known = PretokenTable(slots, hashes, ends, np.empty(most_bytes, np.uint8))
        self.count = 1

    def clear(self) -> None:
        """Forget all pieces but the end of a document."""
        self.known.slots[:] = 0
        self.count = 1

    def __getitem__(self, number: int) -> bytes:
        return self.known.text[self.known.ends[number - 1] : self.known.ends[number]].tobytes()

    def are_words(self, first: int, last: int) -> npt.NDArray[np.bool_]:
        """Which of these pieces the pre-tokenizer surely leaves whole."""
        found: npt.NDArray[np.bool_] = are_words(self.known, first, last, self.tables)
        return found

    def cut(self, data: Bytes, offsets: Ints, row: int, place: int, out: PretokenSpans) -> tuple[int, int, int]:
        """Number the pieces from `place` in text `row` on, into `out`.

        Returns how many there are, and row and place to go on from after a `clear` when the limit was reached; at the
        end the row is the number of texts.
        """
        while True:
            found, new_row, new_place, count = cut(data, offsets, row, place, self.tables, self.known, self.count, out)
            if found or self.count > 1 or new_row == len(offsets) - 1:
                self.count = count
                return found, new_row, new_place
            # a single piece that is longer than all the room there is
            self.known = self.known._replace(text=np.empty(int(offsets[new_row + 1] - new_place), np.uint8))


@jit
def decode_code_point(data: Any, place: Any) -> Any:
    """The code point at `place` of valid UTF-8, and where the next begins."""
    lead = np.int64(data[place])
    if lead < 0x80:
        return lead, place + 1
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    code = lead & (0x7F >> length)
    for step in range(1, length):
        code = code << 6 | np.int64(data[place + step]) & 0x3F
    return code, place + length


@jit
def same(data: Any, begin: Any, text: Any, other: Any, length: Any) -> Any:
    """Whether two stretches of bytes are equal."""
    step = 0
    while step < length and data[begin + step] == text[other + step]:
        step += 1
    return step == length


@jit
def numbered(data: Any, begin: Any, end: Any, hashed: Any, known: Any, count: Any) -> Any:
    """The number of a piece and the count of different ones; number 0 where there is no room for a new one."""
    length, mask = end - begin, known.slots.size - 1
    slot = np.int64((hashed ^ hashed >> np.uint64(29)) & np.uint64(mask))
    while known.slots[slot]:
        number = known.slots[slot]
        other = known.ends[number - 1]
        alike = known.hashes[number] == hashed and known.ends[number] - other == length
        if alike and same(data, begin, known.text, other, length):
            return number, count
        slot = (slot + 1) & mask
    used = known.ends[count - 1]
    if count == known.hashes.size or used + length > known.text.size:
        return 0, count
    known.slots[slot] = count
    known.hashes[count], known.ends[count] = hashed, used + length
    known.text[used : used + length] = data[begin:end]
    return count, count + 1


@jit
def cuts_here(data: Any, behind: Any, end: Any, before: Any, kind: Any, tables: Any) -> Any:
    """Whether to cut before the character that ends at `behind`."""
    if tables.cuts[before, kind]:
        return True
    if data[behind - 1] != SPACE or behind == end:
        return False
    # the last of several blanks goes with the word behind it
    return tables.words[tables.classes[decode_code_point(data, behind)[0]], 1] > 0


@jit
def cut(data: Any, offsets: Any, row: Any, place: Any, tables: Any, known: Any, count: Any, out: Any) -> Any:
    """`Pieces.cut` in machine code; returns pieces found, row and place to go on from, and different pieces known."""
    found = 0
    for current in range(row, offsets.size - 1):
        begin, end = place if current == row else offsets[current], offsets[current + 1]
        here, hashed, before = begin, np.uint64(FNV_START), np.int64(-1)
        while begin < end:
            kind, behind = np.int64(0), end
            if here < end:
                code, behind = decode_code_point(data, here)
                kind = np.int64(tables.classes[code])
            if here == end or (before >= 0 and cuts_here(data, behind, end, before, kind, tables)):
                number, count = numbered(data, begin, here, hashed, known, count)
                if number == 0:
                    return found, current, begin, count
                out.numbers[found], out.ends[found] = number, here
                found += 1
                begin, hashed = here, np.uint64(FNV_START)
            while here < behind:
                hashed = (hashed ^ np.uint64(data[here])) * np.uint64(FNV_PRIME)
                here += 1
            before = kind
        out.numbers[found], out.ends[found] = END, end
        found += 1
    return found, offsets.size - 1, offsets[-1], count


@jit
def are_words(known: Any, first: Any, last: Any, tables: Any) -> Any:
    """`Pieces.are_words` in machine code."""
    out = np.zeros(last - first, np.bool_)
    for number in range(first, last):
        place, end = known.ends[number - 1], known.ends[number]
        spaced = np.int64(end - place > 1 and known.text[place] == SPACE)
        place += spaced
        kind, size = tables.classes[decode_code_point(known.text, place)[0]], 0
        while place < end:
            code, behind = decode_code_point(known.text, place)
            if tables.classes[code] != kind:
                break
            place, size = behind, size + 1
        out[number - first] = place == end and size <= tables.words[kind, spaced]
    return out
