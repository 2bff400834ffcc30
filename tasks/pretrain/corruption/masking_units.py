"""Whole units of text, words or spans of them: what is hidden together.

Shape suffixes: B rows, T places in a row.
"""

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


def span_begins(words_BT: Bools, lots_BT: Floats, chance: float, longest: int) -> Bools:
    """Some of the places at which words begin: from one to the next are 1 to `longest` words.

    Lengths are geometric with `chance`, cut at `longest`: SpanBERT, arXiv:1907.10529 section 3.1, where 0.2 and 10
    make 3.8 words in the mean.
    """
    left = 1 - chance
    lengths_BT = 1 + np.floor(np.log1p(-lots_BT * (1 - left**longest)) / np.log(left)).astype(np.int64)
    num_places = words_BT.shape[1]
    firsts_BT = np.zeros((len(words_BT), num_places + 1), dtype=bool)
    firsts_BT[:, 0] = True
    np.put_along_axis(firsts_BT, np.minimum(np.cumsum(lengths_BT, axis=1), num_places), True, axis=1)
    numbers_BT = np.maximum(np.cumsum(words_BT, axis=1) - 1, 0)
    found: Bools = words_BT & np.take_along_axis(firsts_BT, numbers_BT, axis=1)
    return found


def first_places(begins_BT: Bools) -> Int64s:
    """For each place the one at which its unit begins; the first place of a row begins one."""
    places_T = np.arange(begins_BT.shape[1])
    return np.maximum.accumulate(np.where(begins_BT, places_T, 0), axis=1)


def sizes(firsts_BT: Int64s) -> Int64s:
    """For each place how many places its unit has."""
    units = _numbered(firsts_BT)
    found: Int64s = np.bincount(units)[units].reshape(firsts_BT.shape)
    return found


def _numbered(firsts_BT: Int64s) -> Int64s:
    """A number for the unit of each place that no other unit of any row has: (B × T,)."""
    num_rows, num_places = firsts_BT.shape
    found: Int64s = (firsts_BT + np.arange(num_rows)[:, None] * num_places).ravel()
    return found


def drawn_units(firsts_BT: Int64s, free_BT: Bools, lots_BT: Floats, most: int) -> Bools:
    """Choose units by lot until `most` places of each row are chosen; the last one is cut. Only free places count."""
    lots_BT = np.where(free_BT, np.take_along_axis(lots_BT, firsts_BT, axis=1), 2.0)
    chosen_BT = np.zeros_like(free_BT)
    np.put_along_axis(chosen_BT, np.argsort(lots_BT, axis=1, kind="stable")[:, :most], True, axis=1)
    return chosen_BT & free_BT


def whole_units(firsts_BT: Int64s, free_BT: Bools, lots_BT: Floats, most: int) -> Bools:
    """The same with whole units only: one that has no room is passed over, and places stay where none fits."""
    units, size_BT = _numbered(firsts_BT), sizes(firsts_BT)
    while True:
        chosen_BT = drawn_units(firsts_BT, free_BT, lots_BT, most)
        whole_BT = chosen_BT & (np.bincount(units, chosen_BT.ravel())[units].reshape(size_BT.shape) == size_BT)
        if np.array_equal(whole_BT, chosen_BT):
            return chosen_BT
        free_BT = whole_BT | (free_BT & (size_BT <= most - whole_BT.sum(1, keepdims=True)))
