"""Byte-pair encoding of new pieces: the merge of least rank first, the leftmost of equals, as `tokenizers` does it."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.runtime.jit import jit
from tasks.tokenize.encoder.pretoken_cache import Int32s

MAX_PRETOKEN_BYTES = 512  # bytes; searching the least rank again after every merge takes quadratic time


class MergeTable(NamedTuple):
    """Pairs of ids that are merged, as an open hash table, and the ids of the bytes."""

    table: npt.NDArray[np.uint64]  # (slots, 2): left << 32 | right, all ones where empty; rank << 32 | what is made
    of_byte: Int32s


EMPTY = 0xFFFFFFFFFFFFFFFF
NEVER = 0x7FFFFFFF  # the rank of a pair that is not merged
SPECIAL_RULES = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")


def make_byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary (Radford et al., 2019)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + place): byte for place, byte in enumerate(hidden)}


def read_merges(model: dict[str, Any]) -> MergeTable | None:
    """The merges of a byte-level BPE model without special rules, given as JSON; None for any other model."""
    if model["type"] != "BPE" or any(model.get(rule) for rule in SPECIAL_RULES):
        return None
    vocabulary = model["vocab"]
    letters = make_byte_alphabet()
    if not all(letter in vocabulary for letter in letters):
        return None
    of_byte = np.zeros(256, np.int32)
    for letter, byte in letters.items():
        of_byte[byte] = vocabulary[letter]
    listed = [(vocabulary[a], vocabulary[b], vocabulary[a + b]) for a, b in model["merges"]]
    table = np.full((1 << (4 * len(listed) + 1).bit_length(), 2), EMPTY, np.uint64)
    fill(np.array(listed, np.uint64).reshape(-1, 3), table)
    return MergeTable(table, of_byte)


@jit
def slot_of(pair: Any, table: Any) -> Any:
    """Where a pair stands in the table, or the empty slot where it would."""
    mask = np.uint64(len(table) - 1)
    slot = (pair * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) & mask
    while table[slot, 0] != pair and table[slot, 0] != np.uint64(EMPTY):
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit
def fill(listed: Any, table: Any) -> None:
    """Put every (left, right, made) into the table; of one that stands twice the last rank counts."""
    for rank in range(len(listed)):
        pair = listed[rank, 0] << np.uint64(32) | listed[rank, 1]
        slot = slot_of(pair, table)
        table[slot, 0], table[slot, 1] = pair, np.uint64(rank) << np.uint64(32) | listed[rank, 2]


@jit
def look_up(ids: Any, place: Any, table: Any, ranks: Any, results: Any) -> None:
    """Note rank and result of merging the ids at `place` and behind it; the largest rank where they are not merged."""
    pair = np.uint64(ids[place]) << np.uint64(32) | np.uint64(ids[place + 1])
    slot = slot_of(pair, table)
    ranks[place] = NEVER
    if table[slot, 0] == pair:
        ranks[place], results[place] = table[slot, 1] >> np.uint64(32), table[slot, 1] & np.uint64(0xFFFFFFFF)


@jit
def merged(ids: Any, size: Any, table: Any, ranks: Any, results: Any) -> Any:
    """Merge the first `size` ids in place until no pair is left to merge; returns how many ids are left."""
    for place in range(size - 1):
        look_up(ids, place, table, ranks, results)
    while size > 1:
        best = 0
        for place in range(1, size - 1):
            if ranks[place] < ranks[best]:
                best = place
        if ranks[best] == NEVER:
            break
        ids[best] = results[best]
        for place in range(best + 1, size - 1):
            ids[place], ranks[place - 1], results[place - 1] = ids[place + 1], ranks[place], results[place]
        size -= 1
        if best < size - 1:
            look_up(ids, best, table, ranks, results)
        if best > 0:
            look_up(ids, best - 1, table, ranks, results)
    return size


@jit
def encode_pretokens(known: Any, numbers: Any, merges: Any, out: Any, used: Any) -> Any:
    """Write the ids of these pieces behind the `used` ones, and where each begins and ends; returns how many are used.

    No piece is longer than LONGEST, and each is a single word of the pre-tokenizer.
    """
    symbols, ranks, results = (
        np.empty(MAX_PRETOKEN_BYTES, np.int32),
        np.empty(MAX_PRETOKEN_BYTES, np.int32),
        np.empty(MAX_PRETOKEN_BYTES, np.int32),
    )
    for number in numbers:
        begin, size = known.ends[number - 1], known.ends[number] - known.ends[number - 1]
        for place in range(size):
            symbols[place] = merges.of_byte[known.text[begin + place]]
        size = merged(symbols, size, merges.table, ranks, results)
        out.ids[used : used + size] = symbols[:size]
        out.begins[number], out.ends[number] = used, used + size
        used += size
    return used
