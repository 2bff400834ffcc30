"""Types of tasks, one file each: columns, how training examples are sampled, and how answers are scored.

A type's file has the name that tasks store as their kind. The models that answer a task are in `tasks.downstream.heads`
and `tasks.downstream.zero_shot` under the same name: they need torch, this half does not.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import polars as pl

from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.metrics import Score

Row = dict[str, Any]
EXAMPLES_PER_LABEL = 10
"""training examples of a label in tasks without classes"""


class TaskType(ABC):
    """A type of task."""

    columns: ClassVar[dict[str, pl.DataType]]
    """columns of an example: its question and its answer"""
    metrics: tuple[str, ...]
    """metrics of the report's table; the first one chooses settings, is plotted, and is compared between models"""
    metric_titles: ClassVar[dict[str, str]] = {}
    """metric → its title in the report, where that differs from its name"""
    unscaled_metrics: ClassVar[frozenset[str]] = frozenset()
    """metrics that are not fractions: shown as they are, not in per cent"""
    signed_metrics: ClassVar[frozenset[str]] = frozenset({"mcc", "pearson", "spearman", "spearman_standardized"})
    """metrics between -1 and 1; other fractions lie between 0 and 1"""
    unskewed_metric: ClassVar[str] = ""
    """a metric that is the same for all models that give every example one answer, whichever it is; empty: none"""
    label_unit: ClassVar[str]
    """unit of a label count, such as labels a class"""
    copies_texts: ClassVar[bool] = False
    """whether right answers are texts of the data set, and not names of classes or numbers"""
    is_fine_tuned: ClassVar[bool] = True
    """whether models are fine-tuned on examples; else they answer zero-shot"""

    @abstractmethod
    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Return training examples for a label count, 0 for all; where there are fewer, those that there are.

        Of one seed the smaller sample lies within the larger one.
        """

    def describe_shortage(self, task: Task, labels: int) -> str:
        """Return a sentence on what a sample of a label count lacks, with a space before it; empty for a full one."""
        wanted, available = self.count_examples(task, labels), len(task.train)
        if wanted <= available:
            return ""
        return f" It has {available:,} of the {wanted:,} training examples that {labels} {self.label_unit} are."

    def count_examples(self, task: Task, labels: int) -> int:  # noqa: ARG002 - types with examples by label override it
        """Return the number of training examples of a label count, where it does not depend on classes."""
        return 0

    @abstractmethod
    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:
        """Return metric → score of the answers to rows of a part: those of `metrics`, and more."""

    @property
    @abstractmethod
    def baselines(self) -> dict[str, Baseline]:
        """The baselines that a model has to beat, by name (`tasks.evaluate.results.model_titles.MODEL_TITLES`)."""

    @abstractmethod
    def format_question(self, row: Row) -> str:
        """Return the text of an example without its answer."""

    def format_test_text(self, row: Row) -> str:
        """Return the text that a model should not have been trained on: what it reads, and what it should write."""
        return self.format_question(row)

    def collect_test_texts(self, task: Task) -> dict[str, list[str]]:
        """Return all texts that a model should not have been trained on, by name; test examples by the task's name."""
        return {task.name: [self.format_test_text(row) for row in task.test.iter_rows(named=True)]}

    @abstractmethod
    def format_truth(self, task: Task, row: Row) -> str:
        """Return the right answer of an example as text."""

    @abstractmethod
    def format_answer(self, task: Task, row: Row) -> str:
        """Return a row of answers as text, in the form of `format_truth`."""

    def format_complete_question(self, row: Row) -> str:
        """Return all that an example asks, where `format_question` shortens it."""
        return self.format_question(row)

    def list_truths(self, task: Task, row: Row) -> list[str]:
        """Return all right answers of an example, unrounded."""
        return [self.format_truth(task, row)]

    def write_answer(self, task: Task, row: Row) -> str:
        """Return a row of answers as text, unrounded, in the form of `list_truths`."""
        return self.format_answer(task, row)

    def validate(self, task: Task) -> Task:
        """Return the task itself. Raises StageFailure when it cannot be learnt or scored."""
        missing = {*self.columns, ORIGIN} - set(task.test.columns)
        if missing:
            raise ValueError(f"{task.name}: a task of the kind {task.kind} has the columns {sorted(missing)}")
        return task.require_rows()


class UnclassedTask(TaskType):
    """A type of task without classes to draw examples from: a label stands for ten random ones."""

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Return ten examples for each label."""
        return sample_examples(task, self.count_examples(task, labels), seed)

    def count_examples(self, task: Task, labels: int) -> int:  # noqa: ARG002 - one signature for all types
        """Return the number of training examples of a label count."""
        return labels * EXAMPLES_PER_LABEL


class ReferenceTask(UnclassedTask):
    """A type of task whose right answers are texts, of which an example may have several."""

    copies_texts = True
    references: ClassVar[str]
    """column of the right answers"""
    answer: ClassVar[str]
    """column of a model's answer"""

    def list_truths(self, task: Task, row: Row) -> list[str]:  # noqa: ARG002 - one signature for all types
        """Return all right answers."""
        return [*row[self.references]]

    def format_truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the first right answer."""
        return str(row[self.references][0])

    def format_answer(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the text of the answer."""
        return str(row[self.answer])


class ZeroShotTask(TaskType):
    """A type of task that models answer without fine-tuning."""

    label_unit = ""
    is_fine_tuned = False

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:  # noqa: ARG002 - nothing is learnt
        """Return the data beside the questions, such as the documents that are searched; often empty."""
        return task.train


def sample_examples(task: Task, count: int, seed: int) -> pl.DataFrame:
    """Return `count` random training examples, 0 for all; all of them where there are fewer."""
    # one permutation a seed: a smaller sample is the beginning of a larger one
    rows = np.random.default_rng([seed, 1]).permutation(len(task.train))
    # Count 0 means all, and rows[:0] would be none.
    return task.train[rows[:count]] if count else task.train[rows]


def load_task_type(task: Task) -> TaskType:
    """Return the type of a task, with the task's own metrics: the class of `tasks.downstream.task_types.<kind>`."""
    if task.kind not in {module.name for module in pkgutil.iter_modules(__path__)}:
        raise ValueError(f"{task.name}: there is no kind {task.kind}")
    module = importlib.import_module(f"{__name__}.{task.kind}")
    (task_type_class,) = [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, TaskType) and member.__module__ == module.__name__
    ]
    task_type: TaskType = task_type_class()
    task_type.metrics = tuple(task.metrics) or task_type.metrics
    return task_type
