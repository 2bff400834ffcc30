"""How sure a score is, and a difference between two models: over seeds, and over the examples that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluate.metrics import Floats, Score

DRAWS = 2000
LOW, HIGH = 0.025, 0.975


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
    """How much better one model is, with a 95 % interval, and how sure that is."""

    mean: float
    low: float
    high: float
    exceeds_spread: bool
    """whether the mean is larger than both models' standard deviations over seeds"""
    p: float
    """how often a difference as large arises when each example's two answers are swapped at random"""


def interval(scores: Sequence[Score], seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """95 % interval of the mean over seeds of one model's score on N examples, by the same draws as a difference."""
    low, high = np.quantile(drawn(scores, *weights(len(scores), len(scores[0].parts), seed, draws)), [LOW, HIGH])
    return float(low), float(high)


def paired_difference(first: Sequence[Score], second: Sequence[Score], seed: int = 0, draws: int = DRAWS) -> Difference:
    """The score of `first` minus that of `second`, a score for each seed, both on the same seeds and the same examples.

    The bootstrap draws seeds and examples with replacement, both models the same ones (Efron & Tibshirani 1993, ch. 13;
    over two factors as in Owen 2007), so the interval holds what another training sample and another test set would
    change. The test is approximate randomisation (Noreen 1989; Riezler & Maxwell 2005), two-sided.
    """
    taken = weights(len(first), len(first[0].parts), seed, draws)
    low, high = np.quantile(drawn(first, *taken) - drawn(second, *taken), [LOW, HIGH])
    values = [[each.value for each in side] for side in (first, second)]
    mean = float(np.mean(values[0]) - np.mean(values[1]))
    return Difference(
        mean,
        float(low),
        float(high),
        mean > max(spread(side).deviation for side in values),
        chance(first, second, mean, seed, draws),
    )


def weights(num_seeds: int, num_examples: int, seed: int, draws: int) -> tuple[Floats, Floats]:
    """How often each seed (draws, seeds) and each example (draws, N) is taken."""
    rng = np.random.default_rng(seed)
    seeds = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), draws)
    examples = rng.multinomial(num_examples, np.full(num_examples, 1 / num_examples), draws)
    return seeds.astype(np.float64), examples.astype(np.float64)


def drawn(scores: Sequence[Score], seeds: Floats, examples: Floats) -> Floats:
    """The mean score of every draw, (draws,)."""
    values = np.stack([score.resampled(examples) for score in scores], 1)
    means: Floats = (values * seeds).sum(1) / seeds.sum(1)
    return means


def chance(first: Sequence[Score], second: Sequence[Score], mean: float, seed: int, draws: int) -> float:
    """Share of random swaps that reach the difference; never 0, as the order that was found is one of them."""
    swapped = np.random.default_rng([seed, 1]).integers(0, 2, (draws, len(first[0].parts))).astype(np.float64)
    gaps = np.zeros(draws)
    for one, other in zip(first, second, strict=True):
        moved = swapped @ (other.parts - one.parts)
        gaps += one.of(one.parts.sum(0) + moved) - other.of(other.parts.sum(0) - moved)
    reached = np.abs(gaps / len(first)) >= abs(mean) - 1e-12
    return float((reached.sum() + 1) / (draws + 1))
