"""Units of text that are masked together: tokens, words, or spans of words.

Units are given by `starts_BT`: for each position the position at which its unit starts. Random numbers come as
`uniform_BT` from [0, 1), one a position.

Shape suffixes: B rows, T positions in a row.
"""

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


def sample_span_starts(word_starts_BT: Bools, uniform_BT: Floats, p: float, max_words: int) -> Bools:
    """Choose some of the word starts as span starts, so that each span has 1 to `max_words` words.

    Lengths have a geometric distribution with parameter `p`, truncated at `max_words`: SpanBERT, arXiv:1907.10529
    section 3.1, where p = 0.2 and max_words = 10 give 3.8 words on average.
    """
    q = 1 - p
    # the inverse of the truncated distribution function; log1p keeps precision for small numbers
    lengths_BT = 1 + np.floor(np.log1p(-uniform_BT * (1 - q**max_words)) / np.log(q)).astype(np.int64)
    num_positions = word_starts_BT.shape[1]
    # By index of the word, with a column more: span ends beyond the row's words are clipped into it.
    starts_span_BT = np.zeros((len(word_starts_BT), num_positions + 1), dtype=bool)
    starts_span_BT[:, 0] = True
    np.put_along_axis(starts_span_BT, np.minimum(np.cumsum(lengths_BT, axis=1), num_positions), True, axis=1)
    # Positions before the first word start count as word 0.
    word_indices_BT = np.maximum(np.cumsum(word_starts_BT, axis=1) - 1, 0)
    span_starts_BT: Bools = word_starts_BT & np.take_along_axis(starts_span_BT, word_indices_BT, axis=1)
    return span_starts_BT


def find_unit_starts(is_start_BT: Bools) -> Int64s:
    """Return for each position the position at which its unit starts; the first position of a row starts one."""
    # position 0 is the default, so that the first position of a row starts a unit even without a flag
    positions_T = np.arange(is_start_BT.shape[1])
    return np.maximum.accumulate(np.where(is_start_BT, positions_T, 0), axis=1)


def measure_units(starts_BT: Int64s) -> Int64s:
    """Return for each position the number of positions of its unit."""
    # One bincount over all rows, as the ids are unique.
    units = _number_units(starts_BT)
    sizes_BT: Int64s = np.bincount(units)[units].reshape(starts_BT.shape)
    return sizes_BT


def _number_units(starts_BT: Int64s) -> Int64s:
    """Return for each position the id of its unit (B × T,), unique over all rows."""
    num_rows, num_positions = starts_BT.shape
    # The flat index of the unit's first position serves as the id.
    unit_ids: Int64s = (starts_BT + np.arange(num_rows)[:, None] * num_positions).ravel()
    return unit_ids


def sample_units(starts_BT: Int64s, allowed_BT: Bools, uniform_BT: Floats, budget: int) -> Bools:
    """Choose units at random until `budget` positions of each row are chosen; the last unit may be chosen in part.

    Returns flags (B, T). Positions that are not allowed are never chosen, and do not count.
    """
    # All positions of a unit sort by the same number; 2.0 sorts after all others.
    uniform_BT = np.where(allowed_BT, np.take_along_axis(uniform_BT, starts_BT, axis=1), 2.0)
    # The stable sort keeps a unit's positions together and in order, so that the budget cuts at most one unit, at its
    # end.
    chosen_BT = np.zeros_like(allowed_BT)
    np.put_along_axis(chosen_BT, np.argsort(uniform_BT, axis=1, kind="stable")[:, :budget], True, axis=1)
    return chosen_BT & allowed_BT


def sample_whole_units(starts_BT: Int64s, allowed_BT: Bools, uniform_BT: Floats, budget: int) -> Bools:
    """Choose units at random as `sample_units` does, but only whole ones.

    A unit that does not fit into the rest of the budget is passed over; where none fits, some budget is left.
    """
    units, size_BT = _number_units(starts_BT), measure_units(starts_BT)
    while True:
        chosen_BT = sample_units(starts_BT, allowed_BT, uniform_BT, budget)
        whole_BT = chosen_BT & (np.bincount(units, chosen_BT.ravel())[units].reshape(size_BT.shape) == size_BT)
        if np.array_equal(whole_BT, chosen_BT):
            return chosen_BT
        # Again without the units that are larger than what the whole ones leave. Each round excludes at least the unit
        # that was chosen in part, so the loop ends.
        allowed_BT = whole_BT | (allowed_BT & (size_BT <= budget - whole_BT.sum(1, keepdims=True)))
