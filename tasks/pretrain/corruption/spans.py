"""Which runs of tokens are taken out of packed rows.

Shape suffixes: B rows, T places in a row, S spans.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.randomness import Randomness

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Lengths(NamedTuple):
    """How long the spans of each row are: the first `counts` (B,) of `lengths` (B, S)."""

    lengths: Int64s
    counts: Int64s


class Spans(NamedTuple):
    """Places (B, T) of packed rows."""

    hidden: Bools
    first: Bools
    """the first place of each span: so many are put for it"""
    inserted: Bools
    """a span of no tokens stands before the place"""

    def numbers(self, positions: Int64s) -> Int64s:
        """How many spans of the same document began before the last one that began up to each place."""
        begun = np.cumsum(self.first, axis=1)
        earlier = np.maximum.accumulate(np.where(positions == 0, begun - self.first, 0), axis=1)
        numbers: Int64s = np.maximum(begun - earlier - 1, 0)
        return numbers

    def last(self, documents: Int64s) -> Bools:
        """The last hidden place of each document."""
        length = documents.shape[1]
        later = np.where(self.hidden, np.arange(length), length)
        later = np.minimum.accumulate(later[:, ::-1], axis=1)[:, ::-1]
        following = np.column_stack([later[:, 1:], np.full(len(later), length)])
        padded = np.column_stack([documents, np.full(len(documents), -2)])
        last: Bools = self.hidden & (np.take_along_axis(padded, following, axis=1) != documents)
        return last


def drawn(lots_BN: Floats, available_B: Int64s, counts_B: Int64s, most: int) -> Int64s:
    """For each row `counts` different numbers below `available`, ascending; behind them, up to `most`, `available`."""
    lots = np.where(np.arange(lots_BN.shape[1]) < available_B[:, None], lots_BN, 2.0)
    chosen = np.argsort(lots, axis=1, kind="stable")[:, :most]
    unused = np.arange(chosen.shape[1]) >= counts_B[:, None]
    return np.sort(np.where(unused, available_B[:, None], chosen), axis=1)


def composed(usable_BT: Bools, rate: float, mean: float, random: Randomness) -> Lengths:
    """Exactly `rate` of the usable places in spans of `mean` on average: each way to share them out is as likely.

    As T5 does it: arXiv:1910.10683, section 3.1.4, and `random_spans_noise_mask` of its code.
    """
    most_places, most_spans = budget(usable_BT.shape[1], rate, mean)
    available = usable_BT.sum(axis=1)
    totals = np.minimum(np.rint(rate * available).astype(np.int64), most_places)
    counts = np.minimum(np.clip(np.rint(totals / mean).astype(np.int64), 1, most_spans), totals)
    lots = random.uniform("cuts", most_places - 1)
    cuts = 1 + drawn(lots, np.maximum(totals - 1, 0), np.maximum(counts - 1, 0), most_spans - 1)
    bounds = np.column_stack([np.zeros_like(totals), np.minimum(cuts, totals[:, None]), totals])
    return Lengths(np.diff(bounds, axis=1), counts)


def budget(length: int, rate: float, mean: float) -> tuple[int, int]:
    """The most places and spans that a row of this length can lose."""
    places = max(1, round(rate * length))
    return places, max(1, round(places / mean))


def poisson(usable_BT: Bools, rate: float, mean: float, random: Randomness) -> Lengths:
    """`rate` of the usable places in spans whose lengths have a Poisson distribution, 0 included."""
    most_places, _ = budget(usable_BT.shape[1], rate, mean)
    totals = np.minimum(np.rint(rate * usable_BT.sum(axis=1)).astype(np.int64), most_places)
    steps = np.arange(1, most_places + 1)
    below = np.cumsum(np.exp(-mean) * np.cumprod(np.r_[1.0, mean / steps]))
    lengths = np.searchsorted(below, random.uniform("lengths", most_places), side="right")
    before = np.cumsum(lengths, axis=1) - lengths
    left = totals[:, None] - before  # the last span is cut to what is left
    return Lengths(np.clip(left, 0, lengths), (left > 0).sum(axis=1))


def placed(given: Lengths, usable_BT: Bools, documents_BT: Int64s, random: Randomness) -> Spans:
    """Spans of these lengths anywhere in the row, at least one usable place apart, each within one document.

    A span ends earlier where its document does, or where a place that is not usable comes.
    """
    num_rows, length = usable_BT.shape
    row = np.arange(num_rows)[:, None]
    # the usable places, numbered; a span stands in one of the gaps between those that are left
    place = np.argsort(~usable_BT, axis=1, kind="stable")
    available = usable_BT.sum(axis=1)
    gaps = available - given.lengths.sum(axis=1) + 1
    counts, most = np.minimum(given.counts, gaps), given.lengths.shape[1]
    lots = random.uniform("gaps", length + 1)
    begins = drawn(lots, gaps, counts, most) + np.cumsum(given.lengths, axis=1) - given.lengths
    used = (np.arange(most) < counts[:, None]) & (begins < available[:, None])

    first, inserted = np.zeros((2, num_rows, length + 1), dtype=bool)
    first[row, np.where(used & (given.lengths > 0), begins, length)] = True
    inserted[row, np.where(used & (given.lengths == 0), begins, length)] = True
    first, inserted = first[:, :-1], inserted[:, :-1]

    number = np.arange(length)
    begin = np.maximum.accumulate(np.where(first, number, -1), axis=1)
    sizes = np.zeros((num_rows, length + 1), dtype=np.int64)
    sizes[row, np.where(used & (given.lengths > 0), begins, length)] = given.lengths
    inside = (begin >= 0) & (number - begin < sizes[row, begin])
    start = place[row, begin]
    inside &= (place - start == number - begin) & (documents_BT[row, place] == documents_BT[row, start])
    result = np.zeros((3, num_rows, length), dtype=bool)
    for out, flags in zip(result, (inside, first, inserted), strict=True):
        out[row, place] = flags
    return Spans(*result)
