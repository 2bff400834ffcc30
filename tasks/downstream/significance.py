"""How sure a score is, and a difference between two models: over seeds, and over the examples that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tasks.downstream.metrics import Floats, Score

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds; the deviation of a single seed is 0."""

    mean: float
    deviation: float
    values: list[float]


def spread(values: list[float]) -> Spread:
    """Mean ± sd of a score over its seeds."""
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, values)


@dataclass(frozen=True)
class Difference:
    """How much better one model is, with an interval, and how sure that is."""

    mean: float
    low: float
    high: float
    exceeds_spread: bool
    """whether the mean, up or down, is larger than both models' standard deviations over seeds"""
    p: float
    """how often a difference as large arises when each example's two answers are swapped at random"""

    @property
    def sure(self) -> bool:
        """Whether there is a difference at all. With a few seeds the interval alone is too narrow."""
        return self.exceeds_spread and not self.low <= 0 <= self.high


def interval(scores: Sequence[Score], seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """95 % interval of the mean over seeds of one model's score on N examples, by the same draws as a difference."""
    rng = np.random.default_rng(seed)
    seeds, examples = (taken(count, draws, rng) for count in (len(scores), len(scores[0].parts)))
    return ends(drawn(scores, seeds, examples), LEVEL)


def paired_difference(
    first: Sequence[Score],
    second: Sequence[Score],
    seed: int = 0,
    draws: int = DRAWS,
    *,
    same_samples: bool = True,
    level: float = LEVEL,
) -> Difference:
    """The score of `first` minus that of `second`, a score for each seed, both on the same examples.

    The bootstrap draws seeds and examples with replacement, both models the same ones (Efron & Tibshirani 1993, ch. 13;
    over two factors as in Owen 2007), so the interval holds what another training sample and another test set would
    change. Models that were fitted on different samples share the examples only: their seeds are drawn apart, and there
    may be more of one. The test is approximate randomisation (Noreen 1989; Riezler & Maxwell 2005), two-sided.
    """
    rng = np.random.default_rng(seed)
    of_first, of_examples = (taken(count, draws, rng) for count in (len(first), len(first[0].parts)))
    of_second = of_first if same_samples else taken(len(second), draws, rng)
    low, high = ends(drawn(first, of_first, of_examples) - drawn(second, of_second, of_examples), level)
    values = [[each.value for each in side] for side in (first, second)]
    mean = float(np.mean(values[0]) - np.mean(values[1]))
    pairs = list(zip(first, second, strict=True) if same_samples else product(first, second))
    exceeds = abs(mean) > max(spread(side).deviation for side in values)
    return Difference(mean, low, high, exceeds, chance(pairs, mean, seed, draws))


def taken(count: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each of so many things is taken in each draw with replacement, (draws, count)."""
    return rng.multinomial(count, np.full(count, 1 / count), draws).astype(np.float64)


def ends(values: Floats, level: float) -> tuple[float, float]:
    """Between which this share of the values lies."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def drawn(scores: Sequence[Score], seeds: Floats, examples: Floats) -> Floats:
    """The mean score of every draw, (draws,)."""
    values = np.stack([score.resampled(examples) for score in scores], 1)
    means: Floats = (values * seeds).sum(1) / seeds.sum(1)
    return means


def chance(pairs: Sequence[tuple[Score, Score]], mean: float, seed: int, draws: int) -> float:
    """Share of random swaps that reach the difference; never 0, as the order that was found is one of them."""
    swapped = np.random.default_rng([seed, 1]).integers(0, 2, (draws, len(pairs[0][0].parts))).astype(np.float64)
    gaps = np.zeros(draws)
    for one, other in pairs:
        moved = swapped @ (other.parts - one.parts)
        gaps += one.of(one.parts.sum(0) + moved) - other.of(other.parts.sum(0) - moved)
    reached = np.abs(gaps / len(pairs)) >= abs(mean) - 1e-12
    return float((reached.sum() + 1) / (draws + 1))
