"""Intervals and significance of scores and of differences between two models, over seeds and over examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tasks.downstream.metrics import Floats, Score

# 2,000 draws leave 50 beyond each end of a 95 % interval.
NUM_DRAWS = 2000
CONFIDENCE_LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds; the deviation of a single seed is 0."""

    mean: float
    deviation: float
    values: list[float]


def compute_spread(values: list[float]) -> Spread:
    """Return the mean and the sample standard deviation of a score over its seeds."""
    # ddof=1: the sample deviation, as seeds are a sample. One seed has none.
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, values)


@dataclass(frozen=True)
class Difference:
    """The difference of two models' scores, with its interval and its p value."""

    mean: float
    low: float
    high: float
    exceeds_spread: bool
    """whether the mean, up or down, is larger than both models' standard deviations over seeds"""
    p: float
    """probability of a difference as large when each example's two answers are swapped at random"""

    @property
    def sure(self) -> bool:
        """True when the models differ at all: with a few seeds the interval alone is too narrow to tell."""
        return self.exceeds_spread and not self.low <= 0 <= self.high


def bootstrap_interval(scores: Sequence[Score], seed: int = 0, draws: int = NUM_DRAWS) -> tuple[float, float]:
    """Return the 95 % interval of one model's mean score over its seeds, from the draws that differences use too."""
    rng = np.random.default_rng(seed)
    seed_counts, example_counts = (bootstrap_counts(count, draws, rng) for count in (len(scores), len(scores[0].parts)))
    return percentile_interval(bootstrap_scores(scores, seed_counts, example_counts), CONFIDENCE_LEVEL)


def compute_paired_difference(
    first: Sequence[Score],
    second: Sequence[Score],
    seed: int = 0,
    draws: int = NUM_DRAWS,
    *,
    same_samples: bool = True,
    level: float = CONFIDENCE_LEVEL,
) -> Difference:
    """Return the score of `first` minus that of `second`; both have one score a seed, on the same examples.

    The bootstrap draws seeds and examples with replacement, the same ones for both models (Efron & Tibshirani 1993,
    ch. 13; over two factors as in Owen 2007), so the interval covers the effect of another training sample and of
    another test set. Models that were fine-tuned on different samples (`same_samples` is false) share the examples
    only: their seeds are drawn separately, and their numbers may differ. The test is approximate randomisation (Noreen
    1989; Riezler & Maxwell 2005), two-sided.
    """
    rng = np.random.default_rng(seed)
    # the order of these draws decides every interval that is reported
    first_seeds, examples = (bootstrap_counts(count, draws, rng) for count in (len(first), len(first[0].parts)))
    second_seeds = first_seeds if same_samples else bootstrap_counts(len(second), draws, rng)
    # The same counts of examples for both models: what makes an example hard cancels out in the gap.
    gaps = bootstrap_scores(first, first_seeds, examples) - bootstrap_scores(second, second_seeds, examples)
    low, high = percentile_interval(gaps, level)
    values = [[score.value for score in scores] for scores in (first, second)]
    mean = float(np.mean(values[0]) - np.mean(values[1]))
    # Models of the same samples are paired by seed, others in all combinations.
    pairs = list(zip(first, second, strict=True) if same_samples else product(first, second))
    exceeds = abs(mean) > max(compute_spread(scores).deviation for scores in values)
    return Difference(mean, low, high, exceeds, permutation_p_value(pairs, mean, seed, draws))


def bootstrap_counts(count: int, draws: int, rng: np.random.Generator) -> Floats:
    """Return how often each of `count` items is drawn in each bootstrap resample, (draws, count)."""
    # a multinomial draw is `count` draws with replacement, already counted
    return rng.multinomial(count, np.full(count, 1 / count), draws).astype(np.float64)


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the central interval that contains the fraction `level` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_scores(scores: Sequence[Score], seed_counts: Floats, example_counts: Floats) -> Floats:
    """Return the mean score of every resample, (draws,), from (draws, seeds) and (draws, examples) counts."""
    # (draws, seeds): every seed is scored on the same resampled examples.
    values = np.stack([score.resample(example_counts) for score in scores], 1)
    means: Floats = (values * seed_counts).sum(1) / seed_counts.sum(1)
    return means


def permutation_p_value(pairs: Sequence[tuple[Score, Score]], mean: float, seed: int, draws: int) -> float:
    """Return the fraction of random swaps of two models' answers whose difference is at least as large as `mean`.

    Never 0, since the observed order counts as one of the swaps.
    """
    # A stream of its own, so that the intervals do not shift with it. The same swaps for all seeds, since a seed's
    # answers to one example are not independent of another seed's.
    swapped = np.random.default_rng([seed, 1]).integers(0, 2, (draws, len(pairs[0][0].parts))).astype(np.float64)
    gaps = np.zeros(draws)
    for first, second in pairs:
        # a swapped example moves its part from one model's sum to the other's: no draw scores all examples again
        moved = swapped @ (second.parts - first.parts)
        gaps += first.from_sums(first.parts.sum(0) + moved) - second.from_sums(second.parts.sum(0) - moved)
    # the tolerance counts a gap that is equal but for rounding
    reached = np.abs(gaps / len(pairs)) >= abs(mean) - 1e-12
    # The observed order is one of the swaps under the null hypothesis (Phipson and Smyth 2010).
    return float((reached.sum() + 1) / (draws + 1))
