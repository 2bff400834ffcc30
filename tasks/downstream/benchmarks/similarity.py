"""Regression of a number from two texts: how similar they are."""

import functools
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import BenchmarkData, PartitionedFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.table import TableFormat
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.errors import StageFailure


class PairColumns(Block):
    """The columns of a table of pairs: names, or numbers from 0 where the first row contains no names."""

    text: str = "text"
    """the first text"""
    second_text: str = "second_text"
    """the second text; empty: there is one text only"""
    number: str = "score"
    """the number"""
    header: bool = True
    """whether the first row of a TSV or CSV file contains the columns' names"""


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
        parts = data.load_parts(
            functools.partial(read_numbered_pairs, data, data.columns, data.format),
            lambda part: part["text"],
            self.seed,
        )
        about = f"The number of {data.name} for two texts."
        return Task(name=data.name, about=about, kind="numbers", names=[], **parts)


def read_numbered_pairs(
    data: BenchmarkData, columns: PairColumns, file_format: TableFormat, path: Path
) -> pl.DataFrame:
    """Return the rows of a `RegressionTask`. Raises StageFailure that names the row and the column."""
    required = [name for name in (columns.text, columns.second_text, columns.number) if name]
    rows: list[dict[str, Any]] = []
    for row, origin in data.read_rows(path, required, file_format, header=columns.header):
        try:
            number = float(row[columns.number])
        except (TypeError, ValueError) as error:
            raise StageFailure(
                f"{origin}: {row[columns.number]!r} in the column {columns.number!r} is no number", "Correct the row"
            ) from error
        second = str(row[columns.second_text]).strip() if columns.second_text else ""
        rows.append({"text": str(row[columns.text]).strip(), "second": second, "number": number, ORIGIN: origin})
    return build_table(rows, RegressionTask.columns)
