"""Intervals and significance of scores and of differences between two models, over seeds and over examples."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from tasks.downstream.metrics import Floats, Score

# 2,000 draws leave 50 beyond each end of a 95 % interval.
NUM_DRAWS = 2000
CONFIDENCE_LEVEL = 0.95
MAX_P = 0.05
"""A difference is sure below this adjusted p."""


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
    p: float
    """probability of a difference as large between models that do not differ"""
    adjusted_p: float
    """the same after the correction for all comparisons that are made together; `p` where there is only one"""

    @property
    def sure(self) -> bool:
        """True when the models differ: the adjusted p is below 5 %."""
        return self.adjusted_p < MAX_P

    def swap_models(self) -> "Difference":
        """Return the difference of the second model from the first."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low)


def bootstrap_interval(scores: Sequence[Score], seed: int = 0, draws: int = NUM_DRAWS) -> tuple[float, float]:
    """Return the 95 % interval of one model's mean score over its seeds, by a bootstrap over seeds and examples."""
    example_counts = bootstrap_counts(len(scores[0].parts), draws, seed)
    # another stream, as seeds and examples are drawn independently
    seed_counts = np.random.default_rng([seed, 1]).multinomial(
        len(scores), np.full(len(scores), 1 / len(scores)), draws
    )
    means = bootstrap_scores(scores, example_counts)
    low, high = np.quantile((means * seed_counts).sum(1) / seed_counts.sum(1), [0.025, 0.975])
    return float(low), float(high)


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

    The variance of the difference is the sum of two: over test examples, by a bootstrap that draws the same examples
    for both models (Efron & Tibshirani 1993, ch. 13), and over seeds, whose few values give it few degrees of freedom
    (Welch 1947; Satterthwaite 1946). Interval and p are both of Student's t with this variance, so the interval at 95 %
    excludes zero exactly where p is below 5 %. It thereby covers another training sample and another test set. Models
    that were fine-tuned on different samples (`same_samples` is false) share the examples only: their seeds are not
    paired, and their numbers may differ.

    However large the difference is, p is at least that of a sign test over the examples that the models answer
    differently: three answers prove nothing.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - planning a run does not need it

    example_counts = bootstrap_counts(len(first[0].parts), draws, seed)
    gaps = [bootstrap_scores(scores, example_counts).mean(1) for scores in (first, second)]
    values = [np.array([score.value for score in scores]) for scores in (first, second)]
    mean = float(values[0].mean() - values[1].mean())
    samples = [values[0] - values[1]] if same_samples else values
    # each variance with its degrees of freedom
    variances = [(float(np.var(gaps[0] - gaps[1], ddof=1)), len(first[0].parts) - 1)]
    variances += [
        (float(np.var(sample, ddof=1)) / len(sample), len(sample) - 1) for sample in samples if len(sample) > 1
    ]
    total = sum(variance for variance, _ in variances)
    spread = sum(variance**2 / max(1, freedom) for variance, freedom in variances)
    # rounding leaves a tiny variance where all resamples have the same gap
    error, freedom = (total**0.5, total**2 / spread) if total > 1e-20 else (0.0, 1.0)
    margin = error * float(stdtrit(freedom, (1 + level) / 2))
    p = 2 * float(stdtr(freedom, -abs(mean) / error)) if error else float(abs(mean) < 1e-12)
    pairs = zip(first, second, strict=True) if same_samples else product(first, second)
    num_different = int(np.any([(one.parts != other.parts).any(1) for one, other in pairs], axis=0).sum())
    p = min(1.0, max(p, 2.0 ** (1 - num_different)))
    return Difference(mean, mean - margin, mean + margin, p, p)


def require_both(shown: Difference, other: Difference) -> Difference:
    """Return a difference with the larger p of two metrics, or 1 where these disagree about the better model."""
    p = max(shown.p, other.p) if shown.mean * other.mean > 0 else 1.0
    return replace(shown, p=p, adjusted_p=p)


def correct_comparisons(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with p adjusted for their number (Holm, "A simple sequentially rejective …", 1979)."""
    adjusted, floor = [difference.p for difference in differences], 0.0
    # The smallest p counts n times, the next n - 1 times, …; none may come out below a smaller one.
    for rank, index in enumerate(sorted(range(len(adjusted)), key=adjusted.__getitem__)):
        floor = max(floor, min(1.0, (len(adjusted) - rank) * adjusted[index]))
        adjusted[index] = floor
    return [replace(difference, adjusted_p=p) for difference, p in zip(differences, adjusted, strict=True)]


# All models of a task have the same examples, and to draw them takes most of the time.
@functools.lru_cache(maxsize=1)
def bootstrap_counts(count: int, draws: int, seed: int) -> Floats:
    """Return how often each of `count` items is drawn in each bootstrap resample, (draws, count); not to be changed."""
    # a multinomial draw is `count` draws with replacement, already counted
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws).astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def bootstrap_scores(scores: Sequence[Score], example_counts: Floats) -> Floats:
    """Return every seed's score of every resample, (draws, seeds): all seeds on the same resampled examples."""
    return np.stack([score.resample(example_counts) for score in scores], 1)
