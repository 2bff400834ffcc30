"""Scores as the field computes them, one file for each kind of answer.

A score here is a sum of numbers over the examples and a function of that sum. So a resample of the examples, as a
bootstrap draws by the thousand, is a weighted sum: nothing is compared or counted twice, for BLEU as for accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A score of N examples."""

    parts: Floats
    """what each example brings to the sum, (N, S)"""
    of: Callable[[Floats], Floats]
    """the score of sums (…, S), as an array (…)"""

    @property
    def value(self) -> float:
        """The score of all examples, each taken once."""
        return float(self.of(self.parts.sum(0)))

    def resampled(self, weights: Floats) -> Floats:
        """The scores (D,) of D draws, in which example n was taken `weights[d, n]` times, (D, N)."""
        return self.of(weights @ self.parts)


def ratio(above: Floats, below: Floats) -> Floats:
    """Their quotient, and 0 where nothing is below: what was never there was never found."""
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below != 0)


def mean_of(values: Floats) -> Score:
    """The mean of a number per example, (N,)."""
    return Score(np.stack([values, np.ones_like(values)], axis=1), lambda sums: ratio(sums[..., 0], sums[..., 1]))
