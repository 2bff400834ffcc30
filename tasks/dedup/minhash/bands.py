"""Bands: documents whose signatures agree in a whole band are candidates for near-duplicates.

A key holds its band's number in the top byte, so the keys of all bands sort into one order, band after band. After the
last comes a band of the digests, in which exact copies meet.
Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4.
"""

import itertools
from typing import NamedTuple

import numpy as np

from tasks.dedup.array_types import Digests, Keys, Rows, SignatureBytes
from tasks.dedup.minhash.signatures import SEEDS
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

MAX_BANDS = 255  # what the top byte of a key can number beside the band of the digests
HASH_BITS = 56  # of a key, below the number of its band
KEYS_IN_MEMORY = 1 << 20  # keys that are sorted together, some 40 MB with their rows and order


class BandLayout(NamedTuple):
    """The number of bands of a signature, and the rows (entries of the signature) of each."""

    bands: int
    rows: int


class KeyGroups(NamedTuple):
    """Groups of two or more documents with the same key: group i is `members[starts[i]:starts[i + 1]]`."""

    members: Rows
    starts: Rows


def collision_probability(similarity: float, layout: BandLayout) -> float:
    """Return the probability that two documents of this Jaccard similarity share a key: 1 - (1 - s^rows)^bands."""
    return float(1 - (1 - similarity**layout.rows) ** layout.bands)


def choose_layout(threshold: float, num_perm: int, recall: float) -> BandLayout:
    """Choose the longest bands, so the fewest candidates, with which a pair at the threshold meets with `recall`.

    Where no layout reaches it, the shortest bands.
    """
    # rounded up; the entries that are left over at the end of a signature are in no band
    min_rows = -(-num_perm // MAX_BANDS)
    layouts = [BandLayout(num_perm // rows, rows) for rows in range(min_rows, num_perm + 1)]
    good = [layout for layout in layouts if collision_probability(threshold, layout) >= recall]
    # layouts come in order of their rows, and longer bands meet less often
    return good[-1] if good else layouts[0]


@jit
def fill_keys(signatures: SignatureBytes, rows: int, keys: Keys) -> None:
    """Fill `keys` (bands, documents) with a key for each band of `rows` signature entries and each document."""
    for document in range(signatures.shape[0]):
        for band in range(keys.shape[0]):
            hashed = np.uint64(SEEDS[0]) ^ np.uint64(band)
            for row in range(band * rows, (band + 1) * rows):
                hashed = mix_bits(hashed ^ np.uint64(signatures[document, row]))
            keys[band, document] = np.uint64(band) << np.uint64(HASH_BITS) | hashed >> np.uint64(64 - HASH_BITS)


def compute_band_keys(signatures: SignatureBytes, layout: BandLayout) -> Keys:
    """Compute the keys (bands, N) of signatures (N, num_perm)."""
    keys = np.empty((layout.bands, len(signatures)), np.uint64)
    fill_keys(signatures, layout.rows, keys)
    return keys


def compute_digest_keys(digests: Digests, layout: BandLayout) -> Keys:
    """Compute the keys (N,) of 128-bit digests (N, 2), in the band after the last."""
    return np.uint64(layout.bands) << np.uint64(HASH_BITS) | digests[:, 0] >> np.uint64(64 - HASH_BITS)


def plan_key_ranges(num_bands: int, num_documents: int) -> list[tuple[int, int]]:
    """Divide the keys of so many bands into ranges (first, last) that are each sorted in memory.

    Hashes are uniform, so ranges of one length hold about as many keys, whatever the documents.
    """
    # Python integers, because with 256 bands this is 2^64
    end = num_bands << HASH_BITS
    num_ranges = max(-(-num_documents * num_bands // KEYS_IN_MEMORY), 1)
    bounds = [end * index // num_ranges for index in range(num_ranges + 1)]
    return [(first, after - 1) for first, after in itertools.pairwise(bounds)]


def group_equal_keys(keys: Keys) -> KeyGroups:
    """Group the positions with equal keys (N,); within a group they rise."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    starts = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(keys)])
    in_group = np.repeat(lengths > 1, lengths)
    return KeyGroups(order[in_group], np.r_[0, np.cumsum(lengths[lengths > 1])])
