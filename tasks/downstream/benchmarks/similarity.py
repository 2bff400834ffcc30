"""Two texts and a number: how similar they are."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import Files, Source, frame
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.table import TableFormat
from tasks.downstream.task_types.numbers import Numbers
from tasks.errors import StageFailure


class PairColumns(Block):
    """Which column holds what; numbers from 0 where the first row has no names."""

    text: str = "text"
    """one text"""
    second_text: str = "second_text"
    """the other; empty: there is one only"""
    number: str = "score"
    """the number"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""


class PairFiles(Files):
    """One data set of texts with a number each."""

    format: TableFormat = "by suffix"
    """of the files"""
    columns: PairColumns = PairColumns()
    """which columns hold what"""


class Similarity(Benchmark):
    """Tell a number from two texts, such as their similarity (format of the STS benchmark)."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[PairFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file, the row and the column."""
        for files in self.sets:
            parts = files.parts(
                functools.partial(numbered_pairs, files, files.columns, files.format),
                lambda part: part["text"],
                self.seed,
            )
            about = f"The number of {files.name} for two texts."
            yield Numbers().checked(Task(name=files.name, about=about, kind="numbers", names=[], **parts))


def numbered_pairs(source: Source, columns: PairColumns, layout: TableFormat, part: Path) -> pl.DataFrame:
    """Rows of the kind `numbers`. Raises StageFailure that names the row and the column."""
    wanted = [name for name in (columns.text, columns.second_text, columns.number) if name]
    found: list[dict[str, Any]] = []
    for row, origin in source.rows(part, wanted, layout, header=columns.header):
        try:
            number = float(row[columns.number])
        except (TypeError, ValueError) as error:
            raise StageFailure(
                f"{origin}: {row[columns.number]!r} in the column {columns.number!r} is no number", "Correct the row"
            ) from error
        second = str(row[columns.second_text]).strip() if columns.second_text else ""
        found.append({"text": str(row[columns.text]).strip(), "second": second, "number": number, ORIGIN: origin})
    return frame(found, Numbers.columns)
