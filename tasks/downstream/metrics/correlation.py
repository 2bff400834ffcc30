"""A number for each example: Pearson's and Spearman's correlation with the truth."""

import numpy as np

from tasks.downstream.metrics import Floats, Score, ratio


def correlations(truth: Floats, predicted: Floats) -> dict[str, Score]:
    """Both correlations of N pairs of numbers; 0 where one side is constant.

    A resample keeps the ranks of all examples, as ranking anew would for a sample without ties.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - half a second, and who plans a run needs none of it

    return {"pearson": pearson(truth, predicted), "spearman": pearson(rankdata(truth), rankdata(predicted))}


def pearson(one: Floats, other: Floats) -> Score:
    """Their sums of products, about the means so that large numbers lose nothing."""
    one, other = one - one.mean(), other - other.mean()
    return Score(np.stack([np.ones_like(one), one, other, one * one, other * other, one * other], 1), correlation)


def correlation(sums: Floats) -> Floats:
    """Covariance over both deviations, of the sums (…, 6) of 1, x, y, x², y² and xy."""
    count, one, other, ones, others, both = np.moveaxis(sums, -1, 0)
    covariance = count * both - one * other
    spread = np.maximum(count * ones - one**2, 0) * np.maximum(count * others - other**2, 0)
    return ratio(covariance, np.sqrt(spread))
