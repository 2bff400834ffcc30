"""Which documents may be near-duplicates: those whose signatures agree in a whole band.

A key holds its band's number in the top byte, so the keys of all bands sort into one order, band after band.
Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3.4.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dedup.compiled import compiled
from tasks.dedup.minhash import SEEDS, U32, U64, mix64

MOST_BANDS = 256  # what the top byte of a key can tell apart


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


@compiled
def fill_keys(signatures: Any, rows: Any, keys: Any) -> None:
    """A key for each document and band; keys has shape (bands, documents)."""
    for document in range(signatures.shape[0]):
        for band in range(keys.shape[0]):
            hashed = np.uint64(SEEDS[0]) ^ np.uint64(band)
            for row in range(band * rows, (band + 1) * rows):
                hashed = mix64(hashed ^ np.uint64(signatures[document, row]))
            keys[band, document] = np.uint64(band) << np.uint64(56) | hashed >> np.uint64(8)


def band_keys(signatures: U32, of: Layout) -> U64:
    """The keys (bands, N) of signatures (N, num_perm)."""
    keys = np.empty((of.bands, len(signatures)), np.uint64)
    fill_keys(signatures, of.rows, keys)
    return keys


def runs(keys: U64) -> Runs:
    """The groups of positions with equal keys, of one band (N,); within a group in rising order."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(keys) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[begins, len(keys)])
    lengths[lengths == 1] = 0
    chosen = np.repeat(lengths > 0, np.diff(np.r_[begins, len(keys)]))
    return Runs(order[chosen], np.r_[0, np.cumsum(lengths[lengths > 0])])


def joined(parts: list[Runs]) -> Runs:
    """The groups of all bands as one list."""
    shifts = np.cumsum([0, *(len(part.members) for part in parts)])
    starts = [part.starts[:-1] + shift for part, shift in zip(parts, shifts, strict=False)]
    members = [part.members for part in parts]
    return Runs(
        np.concatenate([np.zeros(0, np.int64), *members]), np.concatenate([np.zeros(0, np.int64), *starts, shifts[-1:]])
    )
