"""The base class of benchmarks on data sets of the user."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type

ErrorPolicy = Literal["fail", "skip"]


class DataSetBenchmark(Benchmark):
    """A benchmark that makes one task from each of its data sets."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[Any] = Field([])
    """the data sets; none by default"""

    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - the data sets have texts of their own
        """Yield one task for each data set. Raises StageFailure that names the file, and the row and column or line."""
        for data in self.sets:
            task = self.make_task(data)
            yield load_task_type(task).validate(task)

    @abstractmethod
    def make_task(self, data: Any) -> Task:
        """Read one of `sets` as a task."""
