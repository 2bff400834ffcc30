"""Randomness without a state: each number is a pure function of (seed, slot, stream, place).

A slot is a row's place in the endless sequence of training rows. So nothing random has to be saved to resume, and it
does not matter how a batch is split over micro-batches or ranks.
"""

import hashlib

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(value: UInt64s) -> UInt64s:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def key_of(*parts: int | str) -> np.uint64:
    """A 64-bit key for any tuple of numbers and names."""
    return np.uint64(int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()))


class Randomness:
    """The random numbers of some rows."""

    def __init__(self, seed: int, slots: Int64s) -> None:
        self.seed = seed
        self.slots = slots.astype(np.uint64)

    def of(self, tokens_BT: Int64s) -> "Randomness":
        """The numbers of what stands in the rows: the same row has the same ones wherever it comes again."""
        places_T = np.arange(1, tokens_BT.shape[1] + 1, dtype=np.uint64) * _GOLDEN
        slots_B = mixed(mixed(tokens_BT.astype(np.uint64)) + places_T).sum(axis=1)
        return Randomness(self.seed, slots_B.astype(np.int64))

    def bits(self, stream: str, places: int) -> UInt64s:
        """(rows, places) of 64 random bits; each name of a stream gives independent ones."""
        rows_B1 = mixed(self.slots * _GOLDEN + key_of(self.seed, stream))[:, None]
        return mixed(rows_B1 + np.arange(1, places + 1, dtype=np.uint64) * _GOLDEN)

    def uniform(self, stream: str, places: int) -> npt.NDArray[np.float64]:
        """(rows, places) of numbers in [0, 1)."""
        return (self.bits(stream, places) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, stream: str, places: int, low: int, high: int) -> Int64s:
        """(rows, places) of whole numbers in [low, high)."""
        return low + (self.uniform(stream, places) * (high - low)).astype(np.int64)


def permuted(index: Int64s, size: int, seed: int, epoch: int) -> Int64s:
    """Where a keyed permutation of range(size) sends `index`: O(1) an index, no table, another one each epoch.

    A four-round Feistel network over the next even power of two; what falls outside is sent round again
    (cycle walking, Black and Rogaway 2002).
    """
    half = np.uint64(max(1, (max(size - 1, 1).bit_length() + 1) // 2))
    low = (np.uint64(1) << half) - np.uint64(1)
    keys = [key_of(seed, "epoch", epoch, turn) for turn in range(4)]
    result = index.astype(np.uint64)
    outside = np.ones(len(result), dtype=bool)
    while outside.any():
        left, right = result[outside] >> half, result[outside] & low
        for key in keys:
            left, right = right, left ^ (mixed(right * _GOLDEN + key) & low)
        result[outside] = (left << half) | right
        outside = result >= size
    return result.astype(np.int64)
