"""What a task asks for, one file a kind: its columns, how examples are drawn, and how answers are scored.

How a model answers stands in `tasks.downstream.heads`, under the same name: that half needs torch, this one does not.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import polars as pl

from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.metrics import Score
from tasks.errors import StageFailure

Row = dict[str, Any]


class Kind(ABC):
    """A kind of task."""

    columns: ClassVar[dict[str, pl.DataType]]
    """of an example, its question and its answer"""
    metrics: tuple[str, ...]
    """what the table shows; the first is what settings are chosen by, what is drawn, and what differences are of"""
    titles: ClassVar[dict[str, str]] = {}
    """what people call a metric, where that is not its name"""
    plain: ClassVar[frozenset[str]] = frozenset()
    """metrics that are no shares: they are shown as they are, not in per cent"""
    signed: ClassVar[frozenset[str]] = frozenset({"mcc", "pearson", "spearman", "spearman_standardized"})
    """metrics between -1 and 1; other shares lie between 0 and 1"""
    per_label: ClassVar[str]
    """what `labels` counts: so many of what"""
    learns: ClassVar[bool] = True
    """whether models are fitted to examples; else they answer as they are"""

    @abstractmethod
    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Training examples for so many labels, 0 for all. For one seed the smaller sample lies within the larger one.

        Raises StageFailure when there are too few.
        """

    @abstractmethod
    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Scores of answers to rows of a part, as `metrics` names them and further ones."""

    @property
    @abstractmethod
    def baselines(self) -> dict[str, Baseline]:
        """What a model has to beat, by name (`tasks.evaluate.results.model_titles.MODEL_TITLES`)."""

    @abstractmethod
    def text(self, row: Row) -> str:
        """What is asked, of a row of the task."""

    def passage(self, row: Row) -> str:
        """What a model should not have been trained on, of a row of the task: what is read, what is to be written."""
        return self.text(row)

    def passages(self, task: Task) -> dict[str, list[str]]:
        """All such texts of a task by what they are; those of the test examples under the task's name."""
        return {task.name: [self.passage(row) for row in task.test.iter_rows(named=True)]}

    @abstractmethod
    def truth(self, task: Task, row: Row) -> str:
        """The right answer, of a row of the task."""

    @abstractmethod
    def given(self, task: Task, row: Row) -> str:
        """An answer, of a row of answers, in the same words as `truth`."""

    def checked(self, task: Task) -> Task:
        """The task, when it can be learnt and scored; StageFailure otherwise."""
        missing = {*self.columns, ORIGIN} - set(task.test.columns)
        if missing:
            raise ValueError(f"{task.name}: a task of the kind {task.kind} has the columns {sorted(missing)}")
        return task.nonempty()


class AsItIs(Kind):
    """A kind of task that models answer as they are, without a fit."""

    per_label = ""
    learns = False

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:  # noqa: ARG002 - nothing is learnt
        """What there is beside the questions, such as the documents that are searched; often nothing."""
        return task.train


def drawn(task: Task, examples: int, seed: int) -> pl.DataFrame:
    """So many training examples at random, 0 for all."""
    if examples > len(task.train):
        raise StageFailure(
            f"{task.name} has {len(task.train):,} training examples, and {examples:,} were asked for",
            "Lower evaluate.labels_per_class, or give the benchmark more data",
        )
    rows = np.random.default_rng([seed, 1]).permutation(len(task.train))
    return task.train[rows[:examples]] if examples else task.train[rows]


def kind_of(task: Task) -> Kind:
    """The kind of a task, with the task's metrics: the class of `tasks.downstream.task_types.<name>`."""
    if task.kind not in {module.name for module in pkgutil.iter_modules(__path__)}:
        raise ValueError(f"{task.name}: there is no kind {task.kind}")
    module = importlib.import_module(f"{__name__}.{task.kind}")
    (kind,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Kind) and each.__module__ == module.__name__
    ]
    made: Kind = kind()
    made.metrics = tuple(task.metrics) or made.metrics
    return made
