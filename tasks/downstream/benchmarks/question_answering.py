"""Extractive question answering: the answer to a question is a span of a text."""

import functools
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.squad import (
    COLUMNS,
    find_misplaced_answer,
    is_squad_file,
    parse_question_row,
    read_questions,
)
from tasks.downstream.task_types.answers import SpanAnswerTask
from tasks.errors import StageFailure
from tasks.input_files.column_names import find_by_name


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

    format: Literal["auto", "squad", "jsonl", "parquet", "csv", "tsv"] = "auto"
    """SQuAD's JSON, or a table with a question a row; auto: by the suffix and the content"""
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
        rejected = data.make_rejected_rows()
        read = functools.partial(_read_part, data, rejected)
        parts = data.load_parts(read, lambda part: part["context"], self.seed, rejected)
        about = f"Answers to questions of {data.name}, cut out of their texts."
        remarks = rejected.describe("questions")
        return Task(name=data.name, about=about, kind="answers", names=[], remarks=remarks, **parts)


def _read_part(files: QuestionFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    is_squad = files.format == "squad" or (files.format == "auto" and is_squad_file(path, files.encoding))
    if is_squad and not files.dataset.name:
        rows = list(read_questions(path, rejected, files.encoding))
    else:
        rows = _read_table(files, rejected, path)
    valid_rows = []
    for row in rows:
        problem = find_misplaced_answer(row)
        if problem is None:
            valid_rows.append(row)
        else:
            rejected.reject(problem)
    return build_table(valid_rows, SpanAnswerTask.columns)


def _read_table(files: QuestionFiles, rejected: RejectedRows, path: Path) -> list[dict[str, Any]]:
    columns, file_format = files.columns, "auto" if files.format == "squad" else files.format
    sample = [] if files.dataset.name else files.sample_rows(str(path), file_format)[:50]
    # the usual names where the table lacks those of the settings
    names = {
        role: _find_column(getattr(columns, role), role.removesuffix("s"), sample)
        for role in ("question", "context", "answers")
    }
    rows = []
    for row, origin in files.read_rows(path, [names["question"], names["context"]], file_format, rejected=rejected):
        try:
            rows.append(parse_question_row({role: row.get(names[role]) for role in COLUMNS}, origin))
        except StageFailure as error:
            rejected.reject(error)
    return rows


def _find_column(name: str, role: str, sample: list[dict[str, Any]]) -> str:
    if not sample or any(name in row for row in sample):
        return name
    return find_by_name(list(sample[0]), role) or name
