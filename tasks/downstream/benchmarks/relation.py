"""The relation of two marked spans."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, cast

import polars as pl
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.labelled_text import left_out, named
from tasks.downstream.data.data_files import Files, frame
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.brat import related_documents
from tasks.downstream.readers.spans import marked, semeval_relations
from tasks.downstream.readers.table import Broken, Row, TableFormat
from tasks.downstream.task_types.relations import SPANS, Relations
from tasks.errors import StageFailure


class SpanColumns(Block):
    """A span that is not marked in the text but given beside it; `target.span1_text` is a field of `target`."""

    text: str = ""
    """column of the span's text; empty: spans are marked"""
    start: str = ""
    """column of the place where it begins, in characters from 0"""


class MarkedColumns(Block):
    """Which column holds what; numbers from 0 where the first row has no names."""

    text: str = "text"
    """the text, with <e1>…</e1> and <e2>…</e2> in it"""
    label: str = "label"
    """the relation"""
    first: SpanColumns = SpanColumns()
    """the first span, where it is not marked"""
    second: SpanColumns = SpanColumns()
    """the second one"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if len({bool(name) for span in (self.first, self.second) for name in (span.text, span.start)}) > 1:
            raise ValueError("give text and start of first and of second, or none of them")
        return self


class MarkedFiles(Files):
    """One data set of texts with two marked spans."""

    format: Literal["by suffix", "tsv", "csv", "jsonl", "parquet", "semeval", "brat"] = "by suffix"
    """of the files; semeval: number and text, the relation below, a comment below that; brat: a folder of .txt and
    .ann files"""
    columns: MarkedColumns = MarkedColumns()
    """which columns hold what"""
    no_relation: str = Field("", pattern=r"^\S*$")
    """class of ordered pairs of entities in one sentence of a brat file that no relation joins; empty: only what is
    joined counts"""
    skip_unfit: bool = False
    """relations of brat files whose entities are of several pieces are left out and counted; else they are an error"""


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
            unfit: Broken = [] if files.skip_unfit else None
            names, parts = named(files, functools.partial(_read, files, unfit), self.seed)
            about = f"Which of {len(names)} relations do two spans of {files.name} have?{left_out(unfit, 'relations')}"
            yield Relations().checked(Task(name=files.name, about=about, kind="relations", names=names, **parts))


def _read(files: MarkedFiles, unfit: Broken, path: Path) -> pl.DataFrame:
    found: list[dict[str, Any]] = []
    for text, label, places, origin in _rows(path, files, unfit):
        spans = dict(zip(SPANS, places, strict=True))
        found.append({"text": text, "second": "", "label": label, ORIGIN: origin, **spans})
    return frame(found, Relations.columns | {"label": pl.String()})


def _rows(path: Path, files: MarkedFiles, unfit: Broken) -> Iterator[tuple[str, str, list[int], str]]:
    if files.format == "brat" and not files.dataset.name:
        yield from related_documents(path, files.no_relation, unfit)
    elif files.format == "semeval" and not files.dataset.name:
        for text, label, origin in semeval_relations(path):
            plain, places = marked(text, origin)
            yield plain, label, places, origin
    else:
        yield from _of_table(path, files)


def _of_table(path: Path, files: MarkedFiles) -> Iterator[tuple[str, str, list[int], str]]:
    columns, layout = files.columns, cast("TableFormat", files.format)
    spans = [span for span in (columns.first, columns.second) if span.text]
    wanted = [columns.text, columns.label, *(name for span in spans for name in (span.text, span.start))]
    for row, origin in files.rows(path, wanted, layout, header=columns.header):
        text, places = str(row[columns.text]), [place for span in spans for place in _span(row, span, columns, origin)]
        if not spans:
            text, places = marked(text, origin)
        yield text, str(row[columns.label]).strip(), places, origin


def _span(row: Row, span: SpanColumns, columns: MarkedColumns, origin: str) -> tuple[int, int]:
    said, start = str(row[span.text]), str(row[span.start])
    if not start.isdecimal() or not str(row[columns.text]).startswith(said, int(start)):
        raise StageFailure(f"{origin}: {said!r} is not at character {start} of the text", "Correct the row")
    return int(start), int(start) + len(said)
