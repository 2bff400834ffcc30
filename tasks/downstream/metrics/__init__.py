"""Scores as the field computes them, one file for each type of answer.

A score is a function of sums over the examples. A resample of the examples, of which a bootstrap draws thousands, is
therefore a weighted sum: no answer is compared twice, for BLEU as for accuracy. An evaluation stores the numbers that
are summed and the name of the function, so that later models can be compared with it.
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
    """each example's contribution to the S sums, (N, S)"""
    from_sums: Callable[[Floats], Floats]
    """the function that turns sums (…, S) into scores (…); a function of a module of this package"""

    # Evaluations store this name: renaming a function of sums, or moving it, makes the stored ones unreadable.
    @property
    def function(self) -> str:
        """The function's module and name, such as `entities.f1`."""
        return f"{self.from_sums.__module__}.{self.from_sums.__qualname__}".removeprefix(f"{__name__}.")

    @classmethod
    def restore(cls, parts: Floats, function: str) -> "Score":
        """Return the score whose parts and `function` were stored."""
        module, _, name = f"{__name__}.{function}".rpartition(".")
        return cls(parts, getattr(importlib.import_module(module), name))

    @property
    def value(self) -> float:
        """The score of all examples."""
        return float(self.from_sums(self.parts.sum(0)))

    def resample(self, weights: Floats) -> Floats:
        """Return the scores (D,) of D resamples that contain example n `weights[d, n]` times, (D, N)."""
        return self.from_sums(weights @ self.parts)


def divide_or_zero(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, with 0 where the denominator is 0: the recall of a class that does not occur is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    # `where` leaves the entries of `out` as they are: zeros, and no warning about a division by zero.
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator != 0)


def mean_score(values: Floats) -> Score:
    """Return the score that is the mean of one number per example, (N,)."""
    return Score(np.stack([values, np.ones_like(values)], axis=1), mean)


def mean(sums: Floats) -> Floats:
    """Return the mean from sums (…, 2) of the numbers and of the examples."""
    return divide_or_zero(sums[..., 0], sums[..., 1])
