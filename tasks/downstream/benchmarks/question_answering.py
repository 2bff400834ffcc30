"""Questions on texts, their answers cut out of them."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import Files, frame
from tasks.downstream.data.task_data import Task
from tasks.downstream.readers.squad import COLUMNS, questions_of, table_row
from tasks.downstream.task_types.answers import Answers


class QuestionColumns(Block):
    """Which column holds what, where the questions are a table or a data set of the Hugging Face library."""

    question: str = "question"
    """the question"""
    context: str = "context"
    """the text that holds the answer"""
    answers: str = "answers"
    """the answers: lists `text` and `answer_start`, or a list of objects with both; empty lists: there is none"""


class QuestionFiles(Files):
    """One data set of questions."""

    format: Literal["squad", "jsonl", "parquet"] = "squad"
    """SQuAD's JSON, or a table with a question a row"""
    columns: QuestionColumns = QuestionColumns()
    """which columns of a table hold what"""


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
            parts = files.parts(functools.partial(_read, files), lambda part: part["context"], self.seed)
            about = f"Answers to questions of {files.name}, cut out of their texts."
            yield Answers().checked(Task(name=files.name, about=about, kind="answers", names=[], **parts))


def _read(files: QuestionFiles, path: Path) -> pl.DataFrame:
    if files.format == "squad" and not files.dataset.name:
        return frame(list(questions_of(path)), Answers.columns)
    names, layout = files.columns, "by suffix" if files.format == "squad" else files.format
    table = files.rows(path, [names.question, names.context], layout)
    rows = (({name: row.get(getattr(names, name)) for name in COLUMNS}, origin) for row, origin in table)
    return frame([table_row(row, origin) for row, origin in rows], Answers.columns)
