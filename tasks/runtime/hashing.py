"""Constants of hash functions, and mixing of bits for arrays of NumPy and, by `tasks.runtime.jit`, for kernels.

The name of that module has to stand here: machine code is cached by the state of all files that contain it.
"""

from typing import Any

import numpy as np

# Multipliers of the SplitMix64 finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
FNV_BASIS, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a of 64 bits: draft-eastlake-fnv


def mix_bits(value: Any) -> Any:
    """Mix unsigned 64-bit integers: a bijection after which every bit depends on every bit (SplitMix64)."""
    # Every constant is an np.uint64: NumPy and numba promote uint64 with a signed integer to float64. Products wrap
    # around modulo 2^64, as they should. Both kinds of step can be undone (an xor with the right shift, a product with
    # an odd number), hence a bijection.
    value = (value ^ value >> np.uint64(30)) * np.uint64(MIX_1)
    value = (value ^ value >> np.uint64(27)) * np.uint64(MIX_2)
    return value ^ value >> np.uint64(31)
