"""Which documents may be near-duplicates: those whose signatures agree in a whole band.

A key holds its band's number in the top byte, so the keys of all bands sort into one order, band after band. After the
last comes a band of the digests, in which exact copies meet.
Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dedup.minhash.signatures import SEEDS, U8, U64
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

MOST_BANDS = 255  # what the top byte of a key can tell apart, but for the band of the digests
HASH_BITS = 56  # of a key, below the number of its band
KEYS_AT_ONCE = 1 << 20  # keys sorted in memory together, some 40 MB with what goes with them


class Layout(NamedTuple):
    """So many bands of so many rows of a signature."""

    bands: int
    rows: int


class Runs(NamedTuple):
    """Groups of two or more documents with the same key; `members[starts[i]:starts[i + 1]]` is group i."""

    members: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


def reach(threshold: float, layout: Layout) -> float:
    """The probability that two documents of this Jaccard similarity share a key."""
    return float(1 - (1 - threshold**layout.rows) ** layout.bands)


def layout(threshold: float, num_perm: int, recall: float) -> Layout:
    """The longest bands (so the fewest pairs to look at) that still reach `recall` at the threshold."""
    fewest_rows = -(-num_perm // MOST_BANDS)
    choices = [Layout(num_perm // rows, rows) for rows in range(fewest_rows, num_perm + 1)]
    good = [choice for choice in choices if reach(threshold, choice) >= recall]
    return good[-1] if good else choices[0]


@jit
def fill_keys(signatures: Any, rows: Any, keys: Any) -> None:
    """A key for each document and band; keys has shape (bands, documents)."""
    for document in range(signatures.shape[0]):
        for band in range(keys.shape[0]):
            hashed = np.uint64(SEEDS[0]) ^ np.uint64(band)
            for row in range(band * rows, (band + 1) * rows):
                hashed = mix_bits(hashed ^ np.uint64(signatures[document, row]))
            keys[band, document] = np.uint64(band) << np.uint64(HASH_BITS) | hashed >> np.uint64(64 - HASH_BITS)


def band_keys(signatures: U8, of: Layout) -> U64:
    """The keys (bands, N) of signatures (N, num_perm)."""
    keys = np.empty((of.bands, len(signatures)), np.uint64)
    fill_keys(signatures, of.rows, keys)
    return keys


def digest_keys(digests: U64, of: Layout) -> U64:
    """The keys (N,) of 128-bit digests (N, 2), in the band after the last."""
    return np.uint64(of.bands) << np.uint64(HASH_BITS) | digests[:, 0] >> np.uint64(64 - HASH_BITS)


def key_ranges(num_bands: int, num_documents: int) -> list[tuple[int, int]]:
    """First and last key of the parts of so many bands that are each sorted in memory.

    Hashes are uniform, so stretches of one length hold as many keys, whatever the documents.
    """
    end = num_bands << HASH_BITS
    parts = max(-(-num_documents * num_bands // KEYS_AT_ONCE), 1)
    cuts = [end * part // parts for part in range(parts + 1)]
    return [(first, after - 1) for first, after in itertools.pairwise(cuts)]


def runs(keys: U64) -> Runs:
    """The groups of positions with equal keys (N,); within a group in rising order."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[begins, len(keys)])
    chosen = np.repeat(lengths > 1, lengths)
    return Runs(order[chosen], np.r_[0, np.cumsum(lengths[lengths > 1])])
