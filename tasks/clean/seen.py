"""A hash set that is emptied by counting up: one array serves every text and every n."""

from typing import Any

import numpy as np

from tasks.compiled import compiled, inlined


@compiled
def emptied(entries: Any) -> Any:
    """The mask of a table for so many entries: at least twice as many places, a power of two."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.int64(size - 1)


@inlined
def place_of(table: Any, mask: Any, round_: Any, value: Any) -> Any:
    """Where a hash stands in the table; when it is new in this round it is put there, and -1 - place is returned.

    An entry is the round and 32 bits of the hash; the place comes from the other 32.
    """
    place = np.int64(value >> np.uint64(32)) & mask
    entry = np.uint64(round_) << np.uint64(32) | value & np.uint64(0xFFFFFFFF)
    while True:
        held = table[place]
        if held == entry:
            return place
        if held >> np.uint64(32) != np.uint64(round_):
            table[place] = entry
            return -1 - place
        place = (place + 1) & mask
