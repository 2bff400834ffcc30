"""Byte-pair encoding of new pre-tokens: the merge of least rank first, the leftmost of equals, as `tokenizers` does."""

from typing import Any, NamedTuple

import numpy as np

from tasks.runtime.jit import jit
from tasks.tokenize.encoder.array_types import Hashes, Int32s, Ints

MAX_PRETOKEN_BYTES = 512  # the least rank is searched again after every merge, which takes quadratic time


class MergeTable(NamedTuple):
    """The pairs of ids that are merged, as an open hash table, and the id of each byte."""

    table: Hashes  # (slots, 2): left << 32 | right, all ones where empty; rank << 32 | merged id
    byte_ids: Int32s


# No pair looks like an empty slot: ids are below 2^31.
EMPTY = 0xFFFFFFFFFFFFFFFF
NO_MERGE = 0x7FFFFFFF  # the rank of a pair that is not merged
UNSUPPORTED_OPTIONS = (
    "dropout",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "byte_fallback",
    "ignore_merges",
)


def make_byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for (Radford et al., 2019)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


def read_merges(model: dict[str, Any]) -> MergeTable | None:
    """Read the merges of a byte-level BPE model, given as JSON; None for a model of another kind or other options."""
    if model["type"] != "BPE" or any(model.get(option) for option in UNSUPPORTED_OPTIONS):
        return None
    vocabulary = model["vocab"]
    alphabet = make_byte_alphabet()
    if not all(letter in vocabulary for letter in alphabet):
        return None
    byte_ids = np.zeros(256, np.int32)
    for letter, byte in alphabet.items():
        byte_ids[byte] = vocabulary[letter]
    merges = [(vocabulary[left], vocabulary[right], vocabulary[left + right]) for left, right in model["merges"]]
    # a power of two, so that a mask gives the slot, and at most a quarter full
    table = np.full((1 << (4 * len(merges) + 1).bit_length(), 2), EMPTY, np.uint64)
    fill_table(np.array(merges, np.uint64).reshape(-1, 3), table)
    return MergeTable(table, byte_ids)


@jit
def find_slot(pair: Any, table: Hashes) -> Any:
    """Return the slot of a pair in the table, or the empty slot where it would stand: linear probing."""
    mask = np.uint64(len(table) - 1)
    # bit n of a product depends on the bits up to n alone: only from bit 32 on both ids take part
    slot = (pair * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) & mask
    while table[slot, 0] != pair and table[slot, 0] != np.uint64(EMPTY):
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit
def fill_table(merges: Hashes, table: Hashes) -> None:
    """Put every (left, right, merged id) into the table; of a pair that is listed twice the last rank counts."""
    for rank in range(len(merges)):
        pair = merges[rank, 0] << np.uint64(32) | merges[rank, 1]
        slot = find_slot(pair, table)
        table[slot, 0], table[slot, 1] = pair, np.uint64(rank) << np.uint64(32) | merges[rank, 2]


@jit
def look_up_merge(ids: Int32s, position: int, table: Hashes, ranks: Int32s, results: Int32s) -> None:
    """Note rank and result of merging the ids at `position` and behind it; NO_MERGE where they are not merged."""
    pair = np.uint64(ids[position]) << np.uint64(32) | np.uint64(ids[position + 1])
    slot = find_slot(pair, table)
    ranks[position] = NO_MERGE
    if table[slot, 0] == pair:
        ranks[position] = table[slot, 1] >> np.uint64(32)
        results[position] = table[slot, 1] & np.uint64(0xFFFFFFFF)


@jit
def apply_merges(ids: Int32s, size: int, table: Hashes, ranks: Int32s, results: Int32s) -> Any:
    """Merge the first `size` ids in place until no pair can be merged; returns the number of ids that remain."""
    # ranks[p] and results[p] are always those of the pair p, p + 1
    for position in range(size - 1):
        look_up_merge(ids, position, table, ranks, results)
    while size > 1:
        best = 0
        for position in range(1, size - 1):
            if ranks[position] < ranks[best]:  # strictly, so that the leftmost of equals is merged
                best = position
        if ranks[best] == NO_MERGE:
            break
        ids[best] = results[best]
        # close the gap; only the two pairs with the new id have to be looked up again
        for position in range(best + 1, size - 1):
            ids[position] = ids[position + 1]
            ranks[position - 1], results[position - 1] = ranks[position], results[position]
        size -= 1
        if best < size - 1:
            look_up_merge(ids, best, table, ranks, results)
        if best > 0:
            look_up_merge(ids, best - 1, table, ranks, results)
    return size


@jit
def encode_pretokens(known: Any, indices: Ints, merges: Any, out: Any, used: int) -> Any:
    """Write the ids of pre-tokens behind the `used` ones of `out`, and their bounds; returns how many are used then.

    `known` is a PretokenTable, `merges` a MergeTable, `out` PretokenIds. No pre-token is longer than
    MAX_PRETOKEN_BYTES, and each is a single word of the pre-tokenizer.
    """
    ids = np.empty(MAX_PRETOKEN_BYTES, np.int32)
    ranks, results = np.empty(MAX_PRETOKEN_BYTES, np.int32), np.empty(MAX_PRETOKEN_BYTES, np.int32)
    for index in indices:
        # index 0 is the end of a document and never comes here, so index - 1 exists
        start, size = known.ends[index - 1], known.ends[index] - known.ends[index - 1]
        for position in range(size):
            ids[position] = merges.byte_ids[known.text[start + position]]
        size = apply_merges(ids, size, merges.table, ranks, results)
        out.ids[used : used + size] = ids[:size]
        out.starts[index], out.ends[index] = used, used + size
        used += size
    return used
