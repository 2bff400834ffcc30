"""Mixing gives the same numbers in NumPy, in kernels and in Python, and those of the published generator."""

import numpy as np

from tasks.dedup.minhash.words import mix_integer
from tasks.runtime import hashing, text_kernels

# the first outputs of SplitMix64 with the seed 1234567, from Rosetta Code's "Pseudo-random numbers/Splitmix64"
SEED, GOLDEN_RATIO = 1234567, 0x9E3779B97F4A7C15
OUTPUTS = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def test_mixing_is_that_of_splitmix64() -> None:
    states = np.uint64(SEED) + np.arange(1, 6, dtype=np.uint64) * np.uint64(GOLDEN_RATIO)
    assert hashing.mix_bits(states).tolist() == OUTPUTS
    assert [int(text_kernels.mix_bits(state)) for state in states] == OUTPUTS
    assert [mix_integer(int(state)) for state in states] == OUTPUTS
