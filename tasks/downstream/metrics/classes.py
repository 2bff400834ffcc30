"""One class of several: accuracy, precision, recall, F1 and Matthews' correlation."""

import numpy as np
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats, Score, mean_of, ratio

Labels = NDArray[np.int64]


def class_scores(truth: Labels, predicted: Labels, num_classes: int) -> dict[str, Score]:
    """Scores of N predicted classes, both (N,) with numbers below `num_classes`; `f1` where these are two.

    Macro means weigh all classes alike that are in the truth or were predicted; a class that was never found counts 0.
    Matthews' correlation for several classes: Gorodkin, "Comparing two K-category assignments by a K-category
    correlation coefficient", 2004; 0 where either side has one class only.
    """
    hits = np.zeros((len(truth), num_classes))
    rows = np.flatnonzero(truth == predicted)
    hits[rows, truth[rows]] = 1
    parts = np.concatenate([hits, one_hot(predicted, num_classes), one_hot(truth, num_classes)], axis=1)
    functions = {
        "macro_f1": macro_f1,
        "macro_precision": macro_precision,
        "macro_recall": macro_recall,
        "micro_f1": micro_f1,
        "mcc": matthews,
    }
    if num_classes == 2:
        functions["f1"] = f1
    accuracy = {"accuracy": mean_of((truth == predicted).astype(np.float64))}
    return accuracy | {name: Score(parts, function) for name, function in functions.items()}


def one_hot(labels: Labels, num_classes: int) -> Floats:
    """Rows (N, K) with a single one."""
    return np.eye(num_classes)[labels]


def thirds(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """How often each class was found, predicted and there, each (…, K), of sums (…, 3K)."""
    found, predicted, there = np.split(sums, 3, axis=-1)
    return found, predicted, there


def f1(sums: Floats) -> Floats:
    """F1 of the second of two classes, as GLUE scores MRPC and QQP."""
    found, predicted, there = (each[..., 1] for each in thirds(sums))
    return ratio(2 * found, predicted + there)


def micro_f1(sums: Floats) -> Floats:
    """F1 of all classes' counts together; of one class an example this is the accuracy."""
    found, predicted, there = (each.sum(-1) for each in thirds(sums))
    return ratio(2 * found, predicted + there)


def over_classes(values: Floats, sums: Floats) -> Floats:
    """The mean over the classes that occur."""
    _, predicted, there = thirds(sums)
    present = (predicted + there) > 0
    return ratio((values * present).sum(-1), present.sum(-1).astype(np.float64))


def macro_f1(sums: Floats) -> Floats:
    """Mean F1 of the classes."""
    found, predicted, there = thirds(sums)
    return over_classes(ratio(2 * found, predicted + there), sums)


def macro_precision(sums: Floats) -> Floats:
    """Mean share of a class's predictions that are right."""
    found, predicted, _ = thirds(sums)
    return over_classes(ratio(found, predicted), sums)


def macro_recall(sums: Floats) -> Floats:
    """Mean share of a class's examples that were found."""
    found, _, there = thirds(sums)
    return over_classes(ratio(found, there), sums)


def matthews(sums: Floats) -> Floats:
    """Correlation of the predicted with the true classes, -1 to 1."""
    found, predicted, there = thirds(sums)
    total = there.sum(-1)
    covariance = found.sum(-1) * total - (predicted * there).sum(-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (there**2).sum(-1))
    return ratio(covariance, np.sqrt(np.maximum(spread, 0)))


def confusion(truth: Labels, predicted: Labels, num_classes: int) -> NDArray[np.int64]:
    """Counts with the true class as row and the predicted class as column."""
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)
