"""Regression of a number from two texts: how similar they are."""

import functools
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import BenchmarkData, PartitionedFiles, build_table, name_setting
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.column_roles import guess_number_roles
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.errors import StageFailure
from tasks.input_files.table_reader import TableFormat


class PairColumns(Block):
    """The columns of a table of pairs: names, or numbers from 0 where the first row contains no names."""

    text: str = ""
    """the first text; empty: guessed by the columns' names and values"""
    second_text: str = ""
    """the second text; empty: there is one text only, or guessed where text is empty too"""
    number: str = ""
    """the number; empty: guessed by the columns' names and values"""
    header: bool | None = None
    """whether the first row of a TSV or CSV file contains the columns' names; null: guessed"""


class PairFiles(PartitionedFiles):
    """One data set of texts with a number each."""

    format: TableFormat = "auto"
    """format of the files; auto: by their suffix"""
    columns: PairColumns = PairColumns()
    """columns of the texts and the number"""


class Similarity(DataSetBenchmark):
    """Tell a number from two texts, such as their similarity (format of the STS benchmark)."""

    sets: list[PairFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: PairFiles) -> Task:
        """Read the parts of a data set."""
        rejected = data.make_rejected_rows()
        with name_setting("train"):
            columns = guess_pair_columns(data, data.columns, data.format, data.train)
        read = functools.partial(read_numbered_pairs, data, columns, data.format, rejected)
        parts = data.load_parts(read, lambda part: part["text"], self.seed, rejected)
        about = f"The number of {data.name} for two texts."
        return Task(name=data.name, about=about, kind="numbers", names=[], remarks=rejected.describe("rows"), **parts)


def guess_pair_columns(data: BenchmarkData, columns: PairColumns, file_format: TableFormat, path: str) -> PairColumns:
    """Return the columns, with guesses from a file for those not named. Raises BadSetting where it is not clear."""
    header = columns.header
    if header is None and not data.dataset.name:
        named = (columns.text, columns.second_text, columns.number)
        header = data.make_table_reader(file_format).guess_header(Path(path), named)
    if columns.text and columns.number:
        return columns.model_copy(update={"header": header})
    rows = data.sample_rows(path, file_format, header)
    roles = guess_number_roles(rows, path, number=columns.number, text=columns.text)
    return PairColumns(
        text=columns.text or roles.text,
        second_text=columns.second_text or ("" if columns.text else roles.second),
        number=columns.number or roles.answer,
        header=header,
    )


def read_numbered_pairs(
    data: BenchmarkData, columns: PairColumns, file_format: TableFormat, rejected: RejectedRows, path: Path
) -> pl.DataFrame:
    """Return the rows of a `RegressionTask`. A row without a number is an error that names row and column."""
    required = [name for name in (columns.text, columns.second_text, columns.number) if name]
    rows: list[dict[str, Any]] = []
    for row, origin in data.read_rows(path, required, file_format, header=columns.header, rejected=rejected):
        try:
            number = float(row[columns.number])
        except (TypeError, ValueError):
            what = f"{origin}: {row[columns.number]!r} in the column {columns.number!r} is no number"
            rejected.reject(StageFailure(what, "Correct the row"))
            continue
        second = str(row[columns.second_text]).strip() if columns.second_text else ""
        rows.append({"text": str(row[columns.text]).strip(), "second": second, "number": number, ORIGIN: origin})
    return build_table(rows, RegressionTask.columns)
