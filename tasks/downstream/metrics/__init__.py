"""Scores as the field computes them, one file for each kind of answer.

A score here is a sum of numbers over the examples and a function of that sum. So a resample of the examples, as a
bootstrap draws by the thousand, is a weighted sum: nothing is compared or counted twice, for BLEU as for accuracy.
The numbers and the function's name are also what an evaluation keeps, so that later models are compared with it.
"""

import importlib
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
    """the score of sums (…, S), as an array (…); a function of a module of this package"""

    @property
    def function(self) -> str:
        """Which that is: `entities.f1`."""
        return f"{self.of.__module__}.{self.of.__qualname__}".removeprefix(f"{__name__}.")

    @classmethod
    def kept(cls, parts: Floats, function: str) -> "Score":
        """The score whose parts and `function` were written to a file."""
        module, _, name = f"{__name__}.{function}".rpartition(".")
        return cls(parts, getattr(importlib.import_module(module), name))

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
    return Score(np.stack([values, np.ones_like(values)], axis=1), mean)


def mean(sums: Floats) -> Floats:
    """Of sums (…, 2): the numbers', and how many there were."""
    return ratio(sums[..., 0], sums[..., 1])
