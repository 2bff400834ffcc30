"""Folders of tasks in the format of a known suite, so that no files and columns need to be named."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import is_data_folder
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.evaluate")

NO_DOCUMENTS = pl.DataFrame()


class SuiteFolder(Block):
    """One folder of tasks, or the folder of one task."""

    path: str
    """the folder or archive: the download of GLUE, SuperGLUE, CLUE, FewCLUE or XNLI, with one folder or .zip a task,
    the folder of one of their tasks or of WNUT 2017, or BLiMP's .jsonl files"""
    tasks: list[str] = Field([])
    """names of the tasks to use, such as cola; empty: all that are recognised"""
    labels_per_class: list[int] = Field([])
    """label counts of these tasks, 0 for all; empty: those of evaluate.labels_per_class"""
    max_train_examples: int = Field(20_000, ge=1)
    """most training examples of each task to draw from"""
    max_validation_examples: int = Field(240, ge=1)
    """most examples of each task to choose hyperparameters on; they are split off the training file"""
    max_test_examples: int = Field(5000, ge=1)
    """most examples of each task to score on"""

    def find_benchmarks(self) -> Iterator[Benchmark]:
        """Yield a benchmark for each task of the folder.

        Raises StageFailure for a named task that the folder does not hold, and for a folder without any task.
        """
        # the presets are made of benchmarks, which cannot be imported while their folder's modules are discovered
        from tasks.downstream.benchmarks._suite_blimp import find_minimal_pairs  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_clue import CLUE  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_fewclue import FEWCLUE  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_glue import GLUE  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_presets import find_preset_benchmarks  # noqa: PLC0415
        from tasks.downstream.benchmarks._suite_superglue import SUPERGLUE, WNUT, XNLI  # noqa: PLC0415

        folder, presets = Path(self.path), [*GLUE, *CLUE, *FEWCLUE, *SUPERGLUE, *XNLI, *WNUT]
        if not is_data_folder(folder):
            raise BadSetting(f"the folder {folder} does not exist", "Correct the path in evaluate.benchmarks.suite")
        # The remaining fields are named like those of PartitionedFiles.
        limits = self.model_dump(exclude={"path", "tasks"})
        named_benchmarks, left_out = find_preset_benchmarks(folder, presets, self.tasks, limits)
        named_benchmarks += find_minimal_pairs(folder, self.tasks)
        names = [name for name, _ in named_benchmarks]
        for name in self.tasks:
            if name not in names:
                raise BadSetting(f"{folder} holds no {name}", f"Name tasks that it holds: {', '.join(names) or 'none'}")
        if left_out and not named_benchmarks:
            raise StageFailure("; ".join(left_out), "Add these files")
        for sentence in left_out:
            log_once(log.warning, "%s: left out", sentence)
        if not named_benchmarks:
            folders = ", ".join(dict.fromkeys(preset.folder for preset in presets))
            raise StageFailure(
                f"{folder} holds no task that is known: neither a folder called {folders} (in capitals or small "
                "letters, with or without hyphens or _public), nor .jsonl files with sentence_good and sentence_bad",
                "Give the folder above these, or name files and columns under another benchmark",
            )
        yield from (benchmark for _, benchmark in named_benchmarks)


class Suite(Benchmark):
    """All tasks of a folder such as GLUE, SuperGLUE, CLUE, FewCLUE, XNLI, BLiMP, each with its columns and metrics."""

    enabled: bool = True
    """whether models are scored on the folders below"""
    sets: list[SuiteFolder] = Field([])
    """the folders; none by default"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings of the tasks, with fingerprints of their files, in place of the folders' paths."""
        try:
            settings = [benchmark.semantic() for folder in self.sets for benchmark in folder.find_benchmarks()]
        except StageFailure:  # making the tasks raises it again, with its hint
            return super().semantic()
        return {"enabled": self.enabled, "sets": settings}

    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield the tasks of each folder. Raises StageFailure that names the folder, or file, row and column."""
        for folder in self.sets:
            yield from self.make_set_tasks(folder, heldout)

    def make_set_tasks(self, folder: SuiteFolder, heldout: pl.DataFrame = NO_DOCUMENTS) -> Iterator[Task]:
        """Yield the tasks of one folder."""
        for benchmark in folder.find_benchmarks():
            yield from benchmark.make_tasks(heldout)
