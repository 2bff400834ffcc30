"""Benchmarks that models are scored on, one file each."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import polars as pl

from tasks.block import Block
from tasks.downstream.data.task_data import Task


class Benchmark(Block, ABC):
    """Tasks that models are fine-tuned on and scored by, or answer zero-shot."""

    enabled: bool = False
    """whether models are scored on it"""

    @property
    def from_heldout(self) -> bool:
        """True when it needs the held-out documents of the pretraining data, not only files of the user."""
        return False

    @abstractmethod
    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield the tasks, made from the held-out documents or from files of the user.

        `heldout` has the columns id, url, title, text and language. The same documents and settings give the same
        rows in the same order. Raises StageFailure when the data do not make a task.
        """
