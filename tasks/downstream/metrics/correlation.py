"""A number for each example: Pearson's and Spearman's correlation with the truth."""

import numpy as np

from tasks.downstream.metrics import Floats, Score, divide_or_zero


def score_correlations(truth: Floats, predicted: Floats) -> dict[str, Score]:
    """Return Pearson's and Spearman's correlation of N pairs of numbers; 0 where one side is constant.

    A resample keeps the ranks of all examples. Without ties, ranking the resample again would give the same order.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - half a second, and planning a run does not need it

    return {"pearson": score_pearson(truth, predicted), "spearman": score_pearson(rankdata(truth), rankdata(predicted))}


def score_pearson(truth: Floats, predicted: Floats) -> Score:
    """Return Pearson's correlation of N pairs of numbers as a score."""
    # centred, so that the sums of squares of large numbers lose no digits
    x, y = truth - truth.mean(), predicted - predicted.mean()
    return Score(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], 1), correlation)


def correlation(sums: Floats) -> Floats:
    """Return the covariance over both deviations, from the sums (…, 6) of 1, x, y, x², y² and xy."""
    count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    covariance = count * xy - x * y
    # rounding may leave a tiny negative variance where all numbers of a resample are equal
    variances = np.maximum(count * xx - x**2, 0) * np.maximum(count * yy - y**2, 0)
    return divide_or_zero(covariance, np.sqrt(variances))
