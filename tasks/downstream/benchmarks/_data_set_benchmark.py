"""The base class of benchmarks on data sets of the user."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type


class DataSetBenchmark(Benchmark):
    """A benchmark that makes one task from each of its data sets."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[Any] = Field([])
    """the data sets; none by default"""

    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield one task for each data set. Raises StageFailure that names the file, and the row and column or line."""
        yield from self.make_other_tasks(heldout)
        for data in self.sets:
            yield from self.make_set_tasks(data)

    def make_other_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - few have any
        """Yield the tasks that are made of no data set of the user, but of held-out documents; none by default."""
        yield from ()

    def make_set_tasks(self, data: Any) -> Iterator[Task]:
        """Yield the task of one data set, or one for each of its folds."""
        for fold in data.list_folds():
            task = self.make_task(fold)
            yield load_task_type(task).validate(task)

    @abstractmethod
    def make_task(self, data: Any) -> Task:
        """Read one of `sets` as a task."""
