"""Hash tables that compiled loops look words up in, see `scanner.look_up`."""

import numpy as np
from numpy.typing import NDArray

from tasks.runtime.hashing import FNV_BASIS, FNV_PRIME


def hash_word(word: bytes) -> int:
    """Return the FNV-1a hash of 64 bits that the lexer computes."""
    value = FNV_BASIS
    for byte in word:
        value = (value ^ byte) * FNV_PRIME % 2**64
    return value


def build_hash_table(values: dict[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Build a table with open addressing, at most a quarter full: keys (0 is free) and values."""
    size = 1 << (4 * len(values) - 1).bit_length()
    keys, slots = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint32)
    for word, value in values.items():
        key = hash_word(word.encode())
        slot = key % size
        while keys[slot]:
            slot = (slot + 1) % size
        keys[slot], slots[slot] = key, value
    return keys, slots
