"""One class of several: accuracy, precision, recall, F1 and Matthews' correlation.

The functions of sums take, for K classes, the K counts of hits, of predictions and of true labels, (…, 3K).
"""

import numpy as np
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats, Score, divide_or_zero, mean_score

Labels = NDArray[np.int64]
ANY_CLASS = -1
"""the prediction that every class is equally likely"""


def score_classes(truth: Labels, predicted: Labels, num_classes: int) -> dict[str, Score]:
    """Return the scores of N predicted classes, both (N,) with numbers below `num_classes`; `f1` for two classes only.

    The prediction `ANY_CLASS` counts as an equal part of every class: the expected score of a guess, without its luck.

    Macro means weight all classes equally that occur in the truth or were predicted; a class without a hit counts 0.
    Matthews' correlation for several classes: Gorodkin, "Comparing two K-category assignments by a K-category
    correlation coefficient", 2004; 0 where either side has one class only.
    """
    true_rows, predicted_rows = one_hot(truth, num_classes), one_hot(predicted, num_classes)
    predicted_rows[predicted == ANY_CLASS] = 1 / num_classes
    # parts of an example: rows of its hit, its prediction and its true class
    hits = true_rows * predicted_rows
    parts = np.concatenate([hits, predicted_rows, true_rows], axis=1)
    functions = {
        "macro_f1": macro_f1,
        "macro_precision": macro_precision,
        "macro_recall": macro_recall,
        "micro_f1": micro_f1,
        "mcc": matthews,
    }
    if num_classes == 2:
        functions["f1"] = f1
    accuracy = {"accuracy": mean_score(hits.sum(1))}
    return accuracy | {name: Score(parts, function) for name, function in functions.items()}


def one_hot(labels: Labels, num_classes: int) -> Floats:
    """Return rows (N, K) that are 1 at the label and 0 elsewhere."""
    return np.eye(num_classes)[labels]


def split_counts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Split sums (…, 3K) into each class's hits, predictions and true labels, each (…, K)."""
    hits, predicted, true = np.split(sums, 3, axis=-1)
    return hits, predicted, true


def f1(sums: Floats) -> Floats:
    """Return the F1 of the second of two classes, as GLUE scores MRPC and QQP."""
    hits, predicted, true = (counts[..., 1] for counts in split_counts(sums))
    return divide_or_zero(2 * hits, predicted + true)


def micro_f1(sums: Floats) -> Floats:
    """Return the F1 of all classes' counts added up; with one class an example this equals the accuracy."""
    hits, predicted, true = (counts.sum(-1) for counts in split_counts(sums))
    return divide_or_zero(2 * hits, predicted + true)


def macro_mean(values: Floats, sums: Floats) -> Floats:
    """Return the mean of a value per class, (…, K), over the classes that occur."""
    _, predicted, true = split_counts(sums)
    # In each resample anew: a class that was not drawn does not count there.
    present = (predicted + true) > 0
    return divide_or_zero((values * present).sum(-1), present.sum(-1).astype(np.float64))


def macro_f1(sums: Floats) -> Floats:
    """Return the mean F1 of the classes."""
    hits, predicted, true = split_counts(sums)
    return macro_mean(divide_or_zero(2 * hits, predicted + true), sums)


def macro_precision(sums: Floats) -> Floats:
    """Return the mean precision of the classes."""
    hits, predicted, _ = split_counts(sums)
    return macro_mean(divide_or_zero(hits, predicted), sums)


def macro_recall(sums: Floats) -> Floats:
    """Return the mean recall of the classes."""
    hits, _, true = split_counts(sums)
    return macro_mean(divide_or_zero(hits, true), sums)


def matthews(sums: Floats) -> Floats:
    """Return Matthews' correlation of the predicted and the true classes, -1 to 1."""
    hits, predicted, true = split_counts(sums)
    total = true.sum(-1)
    # Gorodkin's R_K, from the counts alone.
    covariance = hits.sum(-1) * total - (predicted * true).sum(-1)
    variances = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    return divide_or_zero(covariance, np.sqrt(np.maximum(variances, 0)))


def confusion_matrix(truth: Labels, predicted: Labels, num_classes: int) -> NDArray[np.int64]:
    """Return counts (K, K) with the true class as row and the predicted class as column."""
    # Pairs as one number: row-major indices into the matrix.
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)
