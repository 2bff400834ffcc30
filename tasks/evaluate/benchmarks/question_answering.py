"""Questions on texts, their answers cut out of them."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.examples import Task
from tasks.evaluate.files import Files, frame
from tasks.evaluate.inputs.squad import questions_of
from tasks.evaluate.kinds.answers import Answers


class QuestionFiles(Files):
    """One data set of questions in SQuAD's JSON."""


class QuestionAnswering(Benchmark):
    """Find the answer to a question in a text (format of SQuAD 1 and 2, and CMRC 2018)."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[QuestionFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which questions stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file and the question."""
        for files in self.sets:
            # all questions on one text stay on one side of the split
            parts = files.parts(_read, lambda part: part["context"], self.seed)
            about = f"Answers to questions of {files.name}, cut out of their texts."
            yield Answers().checked(Task(name=files.name, about=about, kind="answers", names=[], **parts))


def _read(path: Path) -> pl.DataFrame:
    return frame(list(questions_of(path)), Answers.columns)
