"""The metric that models are compared by where a test part has mostly examples of one class."""

from dataclasses import replace
from typing import Literal, NamedTuple

from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type

SkewedMetric = Literal["mcc", "macro_f1", "first"]

MAX_ABOVE_EVEN = 0.1  # always saying the largest class may gain so much over guessing


class LargestClass(NamedTuple):
    """The largest class of a test part, and its fraction of the part."""

    name: str
    share: float


def find_largest_class(task: Task) -> LargestClass | None:
    """Find the largest class of the test part; None where the answer is no class, or the part is empty."""
    if not load_task_type(task).unskewed_metric or task.test.is_empty():
        return None
    label, count = task.test["label"].value_counts().sort(["count", "label"], descending=[True, False]).row(0)
    return LargestClass(task.names[label], count / len(task.test))


def is_skewed(task: Task) -> bool:
    """Tell whether one class has over ten points more of the test part than an even share: 60 % of two classes."""
    largest = find_largest_class(task)
    return largest is not None and largest.share > 1 / len(task.names) + MAX_ABOVE_EVEN


def choose_metrics(task: Task, skewed_metric: SkewedMetric) -> Task:
    """Return the task with the metric for skewed tests first, where its test part is skewed.

    A task whose data set names its metrics is returned as it is: they are the user's choice, or the benchmark's own.
    """
    if skewed_metric == "first" or task.metrics or not is_skewed(task):
        return task
    others = [metric for metric in load_task_type(task).metrics if metric != skewed_metric]
    return replace(task, metrics=[skewed_metric, *others])
