"""The relation of two marked spans."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.benchmarks.labelled_text import named
from tasks.evaluate.examples import ORIGIN, Task
from tasks.evaluate.files import Files, frame
from tasks.evaluate.inputs.spans import marked, semeval_relations
from tasks.evaluate.inputs.table import rows_of
from tasks.evaluate.kinds.relations import SPANS, Relations


class MarkedColumns(Block):
    """Which column holds what; numbers from 0 where the first row has no names."""

    text: str = "text"
    """the text, with <e1>…</e1> and <e2>…</e2> in it"""
    label: str = "label"
    """the relation"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""


class MarkedFiles(Files):
    """One data set of texts with two marked spans."""

    format: Literal["by suffix", "tsv", "csv", "jsonl", "parquet", "semeval"] = "by suffix"
    """of the files; semeval: number and text, the relation below, a comment below that"""
    columns: MarkedColumns = MarkedColumns()
    """which columns hold what"""


class Relation(Benchmark):
    """Tell the relation of two marked spans (format of SemEval-2010 task 8, or a table)."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[MarkedFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file, the row and the column."""
        for files in self.sets:
            names, parts = named(files, functools.partial(_read, files), self.seed)
            about = f"Which of {len(names)} relations do two spans of {files.name} have?"
            yield Relations().checked(Task(name=files.name, about=about, kind="relations", names=names, **parts))


def _read(files: MarkedFiles, path: Path) -> pl.DataFrame:
    found: list[dict[str, Any]] = []
    for text, label, origin in _rows(path, files):
        plain, places = marked(text, origin)
        spans = dict(zip(SPANS, places, strict=True))
        found.append({"text": plain, "second": "", "label": label, ORIGIN: origin, **spans})
    return frame(found, Relations.columns | {"label": pl.String()})


def _rows(path: Path, files: MarkedFiles) -> Iterator[tuple[str, str, str]]:
    if files.format == "semeval":
        yield from semeval_relations(path)
        return
    columns = files.columns
    for row, origin in rows_of(path, [columns.text, columns.label], layout=files.format, header=columns.header):
        yield str(row[columns.text]), str(row[columns.label]).strip(), origin
