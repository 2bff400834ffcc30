"""Counter-based randomness: each number is a pure function of (seed, sample, stream, index).

A sample is a row's index in the endless sequence of training rows, a stream the name of one use. So nothing random has
to be saved to resume, and it does not matter how a batch is split over micro-batches or ranks.

The name of a stream enters the hash: renaming one changes every number that is drawn from it.

Shape suffixes: B rows (samples), T positions in a row, N numbers of a row.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from tasks.runtime.hashing import mix_bits

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / φ: SplitMix64's increment


def hash_key(*parts: int | str) -> np.uint64:
    """Hash any tuple of numbers and names to a 64-bit key."""
    # repr keeps 1 and "1", and (1, 23) and (12, 3), apart. Python's own hash() differs from process to process.
    return np.uint64(int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()))


class Randomness:
    """The random numbers of some rows, given by their sample indices."""

    def __init__(self, seed: int, samples: Int64s) -> None:
        self.seed = seed
        # Unsigned: the arithmetic is modulo 2^64, and a right shift of a signed number would copy its sign.
        self.samples = samples.astype(np.uint64)

    def from_tokens(self, tokens_BT: Int64s) -> "Randomness":
        """Return randomness that depends on the rows' content: a row has the same numbers in every epoch."""
        steps_T = np.arange(1, tokens_BT.shape[1] + 1, dtype=np.uint64) * _GOLDEN_RATIO
        # Position and token are mixed together, so that the sum depends on the order of the tokens.
        samples_B = mix_bits(mix_bits(tokens_BT.astype(np.uint64)) + steps_T).sum(axis=1)
        return Randomness(self.seed, samples_B.astype(np.int64))

    def draw_bits(self, stream: str, count: int) -> UInt64s:
        """Draw (rows, count) words of 64 random bits; streams of different names are independent."""
        # SplitMix64 at any index: the state is key + index × golden ratio, and mixing it gives the number
        keys_B1 = mix_bits(self.samples * _GOLDEN_RATIO + hash_key(self.seed, stream))[:, None]
        bits_BN: UInt64s = mix_bits(keys_B1 + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN_RATIO)
        return bits_BN

    def uniform(self, stream: str, count: int) -> npt.NDArray[np.float64]:
        """Draw (rows, count) numbers from [0, 1)."""
        # the upper 53 bits: as many as the mantissa of a double has
        return (self.draw_bits(stream, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, stream: str, count: int, low: int, high: int) -> Int64s:
        """Draw (rows, count) integers from [low, high)."""
        return low + (self.uniform(stream, count) * (high - low)).astype(np.int64)


def permute_indices(indices: Int64s, size: int, seed: int, epoch: int) -> Int64s:
    """Map indices by a pseudorandom permutation of range(size) that depends on `seed` and `epoch`.

    A four-round Feistel network over the next even power of two, repeated where the result is outside the range (cycle
    walking, Black and Rogaway 2002): O(1) an index, and no table in memory.
    """
    # Half of the bits of the largest index, rounded up: the domain is at most four times as large as the range, so few
    # indices walk far.
    half_bits = np.uint64(max(1, (max(size - 1, 1).bit_length() + 1) // 2))
    half_mask = (np.uint64(1) << half_bits) - np.uint64(1)
    # A key for each of the four rounds; the epoch changes them all.
    keys = [hash_key(seed, "epoch", epoch, round_index) for round_index in range(4)]
    result = indices.astype(np.uint64)
    outside = np.ones(len(result), dtype=bool)
    while outside.any():
        high, low = result[outside] >> half_bits, result[outside] & half_mask
        for key in keys:
            # A Feistel round is a bijection whatever its function returns, and so is the network.
            high, low = low, high ^ (mix_bits(low * _GOLDEN_RATIO + key) & half_mask)
        result[outside] = (high << half_bits) | low
        # Walking the cycle on from a result outside leads back into the range: the cycle holds the index itself.
        outside = result >= size
    return result.astype(np.int64)
