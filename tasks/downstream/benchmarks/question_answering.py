"""Extractive question answering: the answer to a question is a span of a text."""

import functools
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.readers.squad import COLUMNS, parse_question_row, read_questions
from tasks.downstream.task_types.answers import SpanAnswerTask


class QuestionColumns(Block):
    """The columns of questions in a table or in a data set of the Hugging Face library."""

    question: str = "question"
    """the question"""
    context: str = "context"
    """the text that contains the answer"""
    answers: str = "answers"
    """the answers: lists `text` and `answer_start`, or a list of objects with both; empty lists: there is none"""


class QuestionFiles(PartitionedFiles):
    """One data set of questions."""

    format: Literal["squad", "jsonl", "parquet"] = "squad"
    """SQuAD's JSON, or a table with a question a row"""
    columns: QuestionColumns = QuestionColumns()
    """columns of a table"""


class QuestionAnswering(DataSetBenchmark):
    """Find the answer to a question in a text (format of SQuAD 1 and 2, and CMRC 2018)."""

    sets: list[QuestionFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which questions are kept when a part is larger than its limit"""

    def make_task(self, data: QuestionFiles) -> Task:
        """Read the parts of a data set."""
        # all questions on one context are in the same part, so that no model is tuned on a context that it has read
        parts = data.load_parts(functools.partial(_read_part, data), lambda part: part["context"], self.seed)
        about = f"Answers to questions of {data.name}, cut out of their texts."
        return Task(name=data.name, about=about, kind="answers", names=[], **parts)


def _read_part(files: QuestionFiles, path: Path) -> pl.DataFrame:
    if files.format == "squad" and not files.dataset.name:
        return build_table(list(read_questions(path)), SpanAnswerTask.columns)
    columns, file_format = files.columns, "auto" if files.format == "squad" else files.format
    table = files.read_rows(path, [columns.question, columns.context], file_format)
    rows = (({name: row.get(getattr(columns, name)) for name in COLUMNS}, origin) for row, origin in table)
    return build_table([parse_question_row(row, origin) for row, origin in rows], SpanAnswerTask.columns)
