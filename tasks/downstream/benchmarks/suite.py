"""Folders of tasks that the field knows by name, so that no columns need be given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.errors import BadSetting, StageFailure


class SuiteFolder(Block):
    """One folder of tasks, or one task's folder."""

    path: str
    """the folder: of GLUE's or CLUE's download, a folder a task; or of BLiMP's .jsonl files"""
    tasks: list[str] = Field([])
    """names of the tasks that are meant, such as cola; empty: all that are recognised"""
    labels: list[int] = Field([])
    """label counts of these tasks, 0 for all; empty: those of evaluate.labels_per_class"""
    most_train: int = Field(20_000, ge=1)
    """training examples of each task to draw from, at most"""
    most_validation: int = Field(240, ge=1)
    """examples of each task to choose settings on, at most; they are cut from the training file"""
    most_test: int = Field(5000, ge=1)
    """examples of each task to score on, at most"""

    def benchmarks(self) -> Iterator[Benchmark]:
        """The tasks, by kind. Raises StageFailure for one that is not there, and for a folder without any."""
        # these lists are made of benchmarks, whose folder this file stands in
        from tasks.downstream.benchmarks._suite_blimp import minimal_pairs  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_clue import CLUE  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_glue import GLUE  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_presets import recognised  # noqa: PLC0415

        folder, presets = Path(self.path), [*GLUE, *CLUE]
        if not folder.is_dir():
            raise BadSetting(f"the folder {folder} does not exist", "Correct the path in evaluate.benchmarks.suite")
        further = self.model_dump(exclude={"path", "tasks"})
        found = [*recognised(folder, presets, self.tasks, further), *minimal_pairs(folder, self.tasks)]
        names = [name for name, _ in found]
        for name in self.tasks:
            if name not in names:
                raise BadSetting(f"{folder} holds no {name}", f"Name tasks that it holds: {', '.join(names) or 'none'}")
        if not found:
            folders = ", ".join(dict.fromkeys(preset.folder for preset in presets))
            raise StageFailure(
                f"{folder} holds no task that is known: neither a folder called {folders} (in capitals or small "
                "letters, with or without hyphens or _public), nor .jsonl files with sentence_good and sentence_bad",
                "Give the folder above these, or name files and columns under another benchmark",
            )
        yield from (block for _, block in found)


class Suite(Benchmark):
    """All tasks of a folder that is shaped like GLUE, CLUE or BLiMP, each with its own kind, columns and metrics."""

    enabled: bool = True
    """whether models are scored on the folders below"""
    sets: list[SuiteFolder] = Field([])
    """the folders; none by default"""

    def semantic(self) -> dict[str, Any]:
        """What the tasks hold instead of where they are."""
        try:
            found = [block.semantic() for folder in self.sets for block in folder.benchmarks()]
        except StageFailure:  # it will be raised with its mend when the tasks are made
            return super().semantic()
        return {"enabled": self.enabled, "sets": found}

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """The tasks of each folder. Raises StageFailure that names the folder, or file, row and column."""
        for folder in self.sets:
            for block in folder.benchmarks():
                yield from block.tasks(heldout)
