"""A hash table for the first position of a value, in rounds.

An entry is 64 bits: the lower half of the value's hash in its upper 32 bits, and below it `base` plus the position at
which the value was first inserted. A round uses a `base` above all that earlier rounds stored, so a smaller number
marks a free slot: a new round needs no clearing, and one array serves every text and every n.
"""

import numpy as np

from tasks.clean.kernel_types import Hash, HashTable, Index
from tasks.runtime.jit import jit, jit_inline

# All casts below are to uint64: of uint64 with int64 numba makes int64, in which every second hash is negative.
LOW_BITS, HIGH_BITS = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF00000000)


@jit
def choose_mask(entries: Index) -> Index:
    """Return the mask of slot indices for a number of entries: for a power of two, and at most half of it in use."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.int64(size - 1)


@jit
def ensure_capacity(table: HashTable, base: Index, entries: Index, rounds: Index) -> tuple[HashTable, Index]:
    """Return a table with room for a number of entries, and a `base` that leaves room for `rounds` rounds of them.

    The table grows with the texts, most of which are short. When `base` would not fit 32 bits, the table is cleared and
    `base` starts again at 1.
    """
    room = choose_mask(entries) + 1
    # a fresh slot holds 0, so `base` begins at 1
    if room > table.size:
        return np.zeros(room, np.uint64), np.int64(1)
    # a round stores `base` to `base + entries` at most
    if base + rounds * (entries + 1) >= LOW_BITS:
        table[:] = 0
        return table, np.int64(1)
    return table, base


@jit_inline
def find_slot(table: HashTable, mask: Index, base: Index, value: Hash) -> Index:
    """Return the slot that a value is in or can be inserted at: linear probing from the upper half of its hash."""
    # The upper half chooses the slot and the lower half is compared: a false match needs equal lower halves in one run.
    slot = value >> np.uint64(32) & np.uint64(mask)
    while table[slot] & LOW_BITS >= np.uint64(base) and table[slot] & HIGH_BITS != value << np.uint64(32):
        slot = slot + np.uint64(1) & np.uint64(mask)
    return slot


@jit_inline
def insert_or_get(table: HashTable, mask: Index, base: Index, value: Hash, position: Index) -> Index:
    """Return the position at which a value was first inserted in this round; insert it at `position` when it is new."""
    slot = find_slot(table, mask, base, value)
    stored = table[slot] & LOW_BITS
    # arithmetic instead of a branch: the processor cannot predict whether a value is new; a known one is written again
    # as it was
    first = stored - np.uint64(base) if stored >= np.uint64(base) else np.uint64(position)
    table[slot] = value << np.uint64(32) | np.uint64(base) + first
    return np.int64(first)


@jit_inline
def has_value(table: HashTable, mask: Index, base: Index, value: Hash) -> bool:
    """Return whether a value was inserted in this round."""
    return table[find_slot(table, mask, base, value)] & LOW_BITS >= np.uint64(base)  # type: ignore[no-any-return]
