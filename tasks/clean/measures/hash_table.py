"""Where a value stood first: a hash table that is emptied by counting up, so one array serves every text and n."""

from typing import Any

import numpy as np

from tasks.runtime.jit import jit, jit_inline

LOW, HIGH = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF00000000)  # of an entry, see `place_of`


@jit
def emptied(entries: Any) -> Any:
    """The mask of a table for so many entries: at least twice as many places, a power of two."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.int64(size - 1)


@jit
def roomy(table: Any, since: Any, entries: Any, rounds: Any) -> Any:
    """The table with room for so many entries, and `since` for so many rounds of them.

    It grows with the texts, of which most are short.
    """
    room = emptied(entries) + 1
    if room > table.size:
        return np.zeros(room, np.uint64), np.int64(1)
    if since + rounds * (entries + 1) >= LOW:
        table[:] = 0
        return table, np.int64(1)
    return table, since


@jit_inline
def place_of(table: Any, mask: Any, since: Any, value: Any) -> Any:
    """Where in the table a value stands or can stand.

    An entry is 32 bits of the hash and below them `since` + where the value stood; the place comes from the other 32.
    """
    at = value >> np.uint64(32) & np.uint64(mask)
    while table[at] & LOW >= np.uint64(since) and table[at] & HIGH != value << np.uint64(32):
        at = at + np.uint64(1) & np.uint64(mask)
    return at


@jit_inline
def first_of(table: Any, mask: Any, since: Any, value: Any, place: Any) -> Any:
    """Where a value stood first: at `place`, from 0 on, when it is new. `since` is larger than any entry before."""
    at = place_of(table, mask, since, value)
    held = table[at] & LOW
    # arithmetic, because nobody can predict which of the two it is
    found = held - np.uint64(since) if held >= np.uint64(since) else np.uint64(place)
    table[at] = value << np.uint64(32) | np.uint64(since) + found
    return np.int64(found)


@jit_inline
def is_in(table: Any, mask: Any, since: Any, value: Any) -> Any:
    """Whether a value is among those of which `first_of` was asked."""
    return table[place_of(table, mask, since, value)] & LOW >= np.uint64(since)
