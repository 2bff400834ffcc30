"""A text to write for a text: summaries, translations, replies, titles."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import Files, content, frame
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.parallel import parallel_files, parallel_rows
from tasks.downstream.readers.table import TableFormat
from tasks.downstream.task_types.texts import Texts
from tasks.errors import StageFailure

Metric = Literal["rougeL", "rouge1", "rouge2", "chrf", "bleu"]


class WrittenColumns(Block):
    """Which column holds what; numbers from 0 where the first row has no names."""

    source: str = "source"
    """the text to read; a list of texts, as of sentences, is read as one"""
    target: str = "target"
    """the text to write; of a list each one counts as right, and the first is learnt from"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""


class WrittenFiles(Files):
    """One data set of texts and what to write for each.

    A path with * stands for two files of a text a line, plain or .gz: the columns' names are put in its place, so that
    train.*.gz with the columns de and en is train.de.gz and train.en.gz.
    """

    format: TableFormat = "by suffix"
    """of the files"""
    columns: WrittenColumns = WrittenColumns()
    """which columns hold what"""
    most_test: int = Field(480, ge=1)
    """examples to score on, at most; every text is written token by token, by each model and seed"""
    metrics: list[Metric] = Field(["rougeL", "rouge1"], min_length=1)
    """what the report shows; the first is what models are compared by: rougeL for summaries, chrf for translations"""

    def semantic(self) -> dict[str, Any]:
        """What lies in parallel files too, instead of where they are."""
        fields = super().semantic()
        names = [self.columns.source, self.columns.target]
        for part in PARTS:
            paths = parallel_files(Path(getattr(self, part)), names)
            if "*" in getattr(self, part) and all(path.is_file() for path in paths):
                fields[part] = [content(path) for path in paths]
        return fields


class TextToText(Benchmark):
    """Write a text for a text, from TSV, CSV, JSONL or Parquet files, or from parallel files of lines."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[WrittenFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file, the row and the column."""
        for files in self.sets:
            parts = files.parts(functools.partial(_read, files), lambda part: part["text"], self.seed)
            about = f"What {files.name} wants written for a text."
            task = Task(name=files.name, about=about, kind="texts", names=[], metrics=[*files.metrics], **parts)
            yield Texts().checked(task)


def _read(files: WrittenFiles, path: Path) -> pl.DataFrame:
    columns = files.columns
    wanted = [columns.source, columns.target]
    rows = (
        parallel_rows(path, wanted)
        if "*" in str(path)
        else files.rows(path, wanted, files.format, header=columns.header)
    )
    found: list[dict[str, Any]] = []
    for row, origin in rows:
        # an empty sentence changes no source, but an empty target would be learnt or scored against
        sentences = [each for each in _texts(row[columns.source], origin) if each]
        targets = _texts(row[columns.target], origin)
        for name, texts in ((columns.source, sentences), (columns.target, targets)):
            if not texts or not all(texts):
                raise StageFailure(f"{origin}: the column {name!r} has an empty text", "Fill it, or take the row out")
        found.append({"text": " ".join(sentences), "wanted": targets, ORIGIN: origin})
    return frame(found, Texts.columns)


def _texts(value: Any, origin: str) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in texts):
        raise StageFailure(
            f"{origin}: {str(value)[:40]!r} is neither a text nor a list of texts",
            "Correct the row, or name another column",
        )
    return [each.strip() for each in texts]
