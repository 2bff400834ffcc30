"""Split texts into pre-tokens and number them, in one pass over the UTF-8 bytes: words repeat, so most are known.

A pre-token here is a stretch of text that is encoded on its own: one or more of the words that the tokenizer's own
pre-tokenizer makes.
"""

from typing import Any, NamedTuple

import numpy as np

from tasks.runtime.array_types import Bytes, Flags, Offsets
from tasks.runtime.hashing import FNV_BASIS, FNV_PRIME
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import decode_character
from tasks.tokenize.encoder.array_types import Hashes, Int32s, Ints
from tasks.tokenize.encoder.split_points import PretokenizerFamily, build_tables

MAX_PRETOKENS = 1 << 20  # different ones; so many and their ids take some 100 MB
SPACE = 32
END = 0  # the index of the pre-token without text that ends every document


class PretokenSpans(NamedTuple):
    """The pre-tokens of some texts: the index of each in the table, and the byte at which it ends."""

    indices: Int32s
    ends: Ints


def allocate_spans(offsets: Offsets) -> PretokenSpans:
    """Make room for all pre-tokens of texts at these offsets; the system takes memory only as it is written."""
    capacity = int(offsets[-1] - offsets[0]) + len(offsets)
    return PretokenSpans(np.empty(capacity, np.int32), np.empty(capacity, np.int64))


class PretokenTable(NamedTuple):
    """The different pre-tokens: a hash table of their indices, and their hashes and text."""

    slots: Int32s  # 0 where empty
    hashes: Hashes
    ends: Ints  # pre-token n is text[ends[n - 1] : ends[n]]
    text: Bytes


class PretokenCache:
    """Indices of different pre-tokens, counted up as they are first seen, until a limit is reached."""

    def __init__(
        self,
        family: PretokenizerFamily,
        max_pretokens: int = MAX_PRETOKENS,
        max_bytes: int = 32 * MAX_PRETOKENS,
    ) -> None:
        self.tables = build_tables(family)
        # a power of two, at most half full
        slots = np.zeros(1 << (2 * max_pretokens - 1).bit_length(), np.int32)
        hashes, ends = np.zeros(max_pretokens + 1, np.uint64), np.zeros(max_pretokens + 1, np.int64)
        self.known = PretokenTable(slots, hashes, ends, np.empty(max_bytes, np.uint8))
        # number 0 is END, which has no text
        self.count = 1

    def clear(self) -> None:
        """Forget all pre-tokens but the end of a document."""
        # hashes and text are written over; the empty slots alone forget
        self.known.slots[:] = 0
        self.count = 1

    def __getitem__(self, index: int) -> bytes:
        return self.known.text[self.known.ends[index - 1] : self.known.ends[index]].tobytes()

    def are_words(self, first: int, last: int) -> Flags:
        """Tell for the pre-tokens from first to before last whether the pre-tokenizer surely leaves each in one."""
        is_word: Flags = fill_are_words(self.known, first, last, self.tables)
        return is_word

    def split(self, data: Bytes, offsets: Offsets, row: int, position: int, out: PretokenSpans) -> tuple[int, int, int]:
        """Write the pre-tokens from `position` in text `row` on to `out`; returns their number, and a row and position.

        Those are where to go on after a `clear` when the limit was reached; at the end the row is the number of texts.
        """
        while True:
            num_spans, new_row, new_position, count = fill_spans(
                data, offsets, row, position, self.tables, self.known, self.count, out
            )
            # otherwise nothing was written although the cache is empty, so a `clear` would not help:
            if num_spans or self.count > 1 or new_row == len(offsets) - 1:
                self.count = count
                return num_spans, new_row, new_position
            # a single pre-token that is longer than all the room for text
            self.known = self.known._replace(text=np.empty(int(offsets[new_row + 1] - new_position), np.uint8))


@jit
def are_equal(data: Bytes, start: int, text: Bytes, text_start: int, length: int) -> Any:
    """Tell whether `length` bytes from two starts are equal."""
    step = 0
    while step < length and data[start + step] == text[text_start + step]:
        step += 1
    return step == length


@jit
def find_or_add(data: Bytes, start: int, end: int, hashed: Any, known: Any, count: int) -> Any:
    """Return the index of the pre-token `data[start:end]`, and the number of different ones after it was added.

    The index is 0 where there is no room for a new one. `known` is a PretokenTable with `count` entries.
    """
    length, mask = end - start, known.slots.size - 1
    # the high bits too decide the slot: those of FNV are the better mixed
    slot = np.int64((hashed ^ hashed >> np.uint64(29)) & np.uint64(mask))
    while known.slots[slot]:
        index = known.slots[slot]
        text_start = known.ends[index - 1]
        is_candidate = known.hashes[index] == hashed and known.ends[index] - text_start == length
        if is_candidate and are_equal(data, start, known.text, text_start, length):
            return index, count
        slot = (slot + 1) & mask
    used = known.ends[count - 1]
    if count == known.hashes.size or used + length > known.text.size:
        return 0, count
    # `count` only grows up to the limit, and half of the slots stay free, so every search ends
    known.slots[slot] = count
    known.hashes[count], known.ends[count] = hashed, used + length
    known.text[used : used + length] = data[start:end]
    return count, count + 1


@jit
def is_split_point(data: Bytes, after: int, end: int, before_class: Any, own_class: Any, tables: Any) -> Any:
    """Tell whether a text may be split before the character that ends at `after`, by the classes of both sides."""
    if tables.splits[before_class, own_class]:
        return True
    if data[after - 1] != SPACE or after == end:
        return False
    # the last of several blanks goes with the word behind it
    return tables.words[tables.classes[decode_character(data, after, end)[0]], 1] > 0


@jit
def fill_spans(
    data: Bytes, offsets: Offsets, row: int, position: int, tables: Any, known: Any, count: int, out: Any
) -> Any:
    """Do the work of `PretokenCache.split`; returns spans written, row and position to go on from, pre-tokens known.

    Each byte is hashed once, as it is passed, so that a pre-token's hash is ready where it ends.
    """
    # `classes` has an entry for every code point and no bound is checked: the texts must be valid UTF-8
    # (`splits.align_columns`).
    num_spans = 0
    for current in range(row, offsets.size - 1):
        # the pre-token is data[start:at] so far; -1: there is no character before, and no split
        start, end = position if current == row else offsets[current], offsets[current + 1]
        at, hashed, before_class = start, np.uint64(FNV_BASIS), np.int64(-1)
        while start < end:
            own_class, after = np.int64(0), end
            if at < end:
                code, after = decode_character(data, at, end)
                own_class = np.int64(tables.classes[code])
            if at == end or (before_class >= 0 and is_split_point(data, after, end, before_class, own_class, tables)):
                index, count = find_or_add(data, start, at, hashed, known, count)
                # no room: go on at the start of this pre-token, after a `clear`
                if index == 0:
                    return num_spans, current, start, count
                out.indices[num_spans], out.ends[num_spans] = index, at
                num_spans += 1
                start, hashed = at, np.uint64(FNV_BASIS)
            while at < after:
                hashed = (hashed ^ np.uint64(data[at])) * np.uint64(FNV_PRIME)
                at += 1
            before_class = own_class
        out.indices[num_spans], out.ends[num_spans] = END, end
        num_spans += 1
    return num_spans, offsets.size - 1, offsets[-1], count


@jit
def fill_are_words(known: Any, first: int, last: int, tables: Any) -> Any:
    """Do the work of `PretokenCache.are_words`: a word is of one class, not too long, perhaps with a space before."""
    is_word = np.zeros(last - first, np.bool_)
    for index in range(first, last):
        position, end = known.ends[index - 1], known.ends[index]
        # a lone space is a blank, not a word with a space before it
        has_space = np.int64(end - position > 1 and known.text[position] == SPACE)
        position += has_space
        word_class, size = tables.classes[decode_character(known.text, position, end)[0]], 0
        while position < end:
            code, after = decode_character(known.text, position, end)
            if tables.classes[code] != word_class:
                break
            position, size = after, size + 1
        is_word[index - first] = position == end and size <= tables.words[word_class, has_space]
    return is_word
