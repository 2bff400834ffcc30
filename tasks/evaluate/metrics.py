"""Scores of predictions, and how sure a difference between two models is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Right = NDArray[np.bool_]


def accuracy(truth: Labels, predicted: Labels) -> float:
    """Share of examples whose class was found."""
    return float((truth == predicted).mean())


def confusion(truth: Labels, predicted: Labels, num_classes: int) -> NDArray[np.int64]:
    """Counts with the true class as row and the predicted class as column."""
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)


def macro_f1(truth: Labels, predicted: Labels) -> float:
    """Mean F1 over the classes that are in the truth or were predicted; 0 where a class was never found."""
    present = np.union1d(truth, predicted)
    table = confusion(truth, predicted, int(present.max()) + 1)
    found = np.diag(table)
    return float((2 * found / np.maximum(1, table.sum(0) + table.sum(1)))[present].mean())


METRICS = {"accuracy": accuracy, "macro_f1": macro_f1}


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
    """How much better one model is, with an interval, and whether that exceeds the spread over seeds."""

    mean: float
    low: float
    high: float
    exceeds_spread: bool

    @property
    def sure(self) -> bool:
        """Whether there is a difference at all. With a few seeds the interval alone is too narrow."""
        return self.exceeds_spread and not self.low <= 0 <= self.high


def paired_difference(
    first: Right, second: Right, seed: int = 0, draws: int = 2000, *, same_samples: bool = True, level: float = 0.95
) -> Difference:
    """Accuracy of `first` minus that of `second`; both are (seeds, examples) of whether an example was right.

    The bootstrap draws seeds and examples with replacement, both models the same ones (Efron & Tibshirani 1993, ch. 13;
    over two factors as in Owen 2007), so the interval holds what another training sample and another test set would
    change. Models that were fitted on different samples share the examples only: their seeds are drawn apart. It
    exceeds the spread when the mean difference is larger than both models' standard deviations over seeds.
    """
    rng = np.random.default_rng(seed)
    of_first, of_examples = (_drawn(count, draws, rng) for count in first.shape)
    of_second = of_first if same_samples else _drawn(len(second), draws, rng)
    means = _means(first, of_first, of_examples) - _means(second, of_second, of_examples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    deviations = [spread([float(row.mean()) for row in right]).deviation for right in (first, second)]
    mean = float(first.mean() - second.mean())
    return Difference(mean, float(low), float(high), abs(mean) > max(deviations))


def interval(right: Right, seed: int = 0, draws: int = 2000, level: float = 0.95) -> tuple[float, float]:
    """The bootstrap interval of an accuracy over seeds and examples, `right` as above."""
    rng = np.random.default_rng(seed)
    of_seeds, of_examples = (_drawn(count, draws, rng) for count in right.shape)
    low, high = np.quantile(_means(right, of_seeds, of_examples), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _drawn(count: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """For each draw with replacement the share of each of `count` things in it."""
    return rng.multinomial(count, np.full(count, 1 / count), draws) / count


def _means(right: Right, of_seeds: NDArray[np.float64], of_examples: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = np.einsum(
        "ds,se,de->d", of_seeds, right.astype(np.float64), of_examples, optimize=True
    )
    return means
