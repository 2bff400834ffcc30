"""Scores of predictions, and how sure a difference between two models is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


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
    """How much better one model is, with a 95 % interval, and whether that exceeds the spread over seeds."""

    mean: float
    low: float
    high: float
    exceeds_spread: bool


def paired_difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], seed: int = 0, draws: int = 2000
) -> Difference:
    """Accuracy of `first` minus that of `second`; both are (seeds, examples) of whether an example was right.

    The bootstrap draws seeds and examples with replacement, both models the same ones (Efron & Tibshirani 1993, ch. 13;
    over two factors as in Owen 2007), so the interval holds what another training sample and another test set would
    change. It exceeds the spread when the mean difference is larger than both models' standard deviations over seeds.
    """
    gaps = first.astype(np.float64) - second
    rng = np.random.default_rng(seed)
    num_seeds, num_examples = gaps.shape
    of_seeds = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), draws) / num_seeds
    of_examples = rng.multinomial(num_examples, np.full(num_examples, 1 / num_examples), draws) / num_examples
    means = np.einsum("ds,se,de->d", of_seeds, gaps, of_examples, optimize=True)
    low, high = np.quantile(means, [0.025, 0.975])
    deviations = [spread([float(row.mean()) for row in right]).deviation for right in (first, second)]
    mean = float(gaps.mean())
    return Difference(mean, float(low), float(high), mean > max(deviations))
