"""What a model is scored on: one file here is one kind of benchmark."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import polars as pl

from tasks.block import Block
from tasks.downstream.data.task_data import Task


class Benchmark(Block, ABC):
    """A task with labels that a model is fine-tuned on and scored by."""

    enabled: bool = False
    """whether models are scored on it"""

    @property
    def from_heldout(self) -> bool:
        """Whether it has texts of documents that were kept out of training, and not of files of the user only."""
        return False

    @abstractmethod
    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Make the tasks, from the documents kept out of training or from files of the user.

        `heldout` has the columns id, url, title, text and language. The same documents and settings give the same
        rows in the same order. Raises StageFailure when what is there does not make a task.
        """
