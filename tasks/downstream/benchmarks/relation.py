"""Classification of the relation between two marked spans."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, cast

import polars as pl
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark, ErrorPolicy
from tasks.downstream.benchmarks.labelled_text import describe_skipped, load_labelled_parts
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.brat import read_related_documents
from tasks.downstream.readers.spans import extract_marked_spans, read_semeval
from tasks.downstream.readers.table import RejectedRows, Row, TableFormat
from tasks.downstream.task_types.relations import SPANS, RelationTask
from tasks.errors import StageFailure


class SpanColumns(Block):
    """The columns of a span that is given beside the text; `target.span1_text` is a field of the column `target`."""

    text: str = ""
    """column of the span's text; empty: spans are marked in the text"""
    start: str = ""
    """column of the span's start, in characters from 0"""


class RelationColumns(Block):
    """The columns of a table of relations: names, or numbers from 0 where the first row contains no names."""

    text: str = "text"
    """the text, with <e1>…</e1> and <e2>…</e2> in it"""
    label: str = "label"
    """the relation"""
    first_span: SpanColumns = SpanColumns()
    """the first span, where it is not marked"""
    second_span: SpanColumns = SpanColumns()
    """the second span, where it is not marked"""
    header: bool = True
    """whether the first row of a TSV or CSV file contains the columns' names"""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if len({bool(name) for span in (self.first_span, self.second_span) for name in (span.text, span.start)}) > 1:
            raise ValueError("give text and start of first_span and of second_span, or none of them")
        return self


class RelationFiles(PartitionedFiles):
    """One data set of texts with two marked spans."""

    format: Literal["auto", "tsv", "csv", "jsonl", "parquet", "semeval", "brat"] = "auto"
    """format of the files; auto: by their suffix; semeval: lines of number and text, relation, and comment; brat: a
    folder of .txt and .ann files"""
    columns: RelationColumns = RelationColumns()
    """columns of a table"""
    no_relation: str = Field("", pattern=r"^\S*$")
    """class of ordered pairs of entities in one sentence of a brat file that have no relation; empty: such pairs are no
    examples"""
    on_error: ErrorPolicy = "fail"
    """what to do with relations of brat files whose entities are of several pieces: fail, or skip and count them"""


class Relation(DataSetBenchmark):
    """Tell the relation of two marked spans (format of SemEval-2010 task 8, or a table)."""

    sets: list[RelationFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: RelationFiles) -> Task:
        """Read the parts of a data set; the classes are the relations of its training part."""
        rejected: RejectedRows = [] if data.on_error == "skip" else None
        names, parts = load_labelled_parts(data, functools.partial(_read_part, data, rejected), self.seed)
        skipped = describe_skipped(rejected, "relations")
        about = f"Which of {len(names)} relations do two spans of {data.name} have?{skipped}"
        return Task(name=data.name, about=about, kind="relations", names=names, **parts)


def _read_part(files: RelationFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for text, label, positions, origin in _read_examples(path, files, rejected):
        spans = dict(zip(SPANS, positions, strict=True))
        rows.append({"text": text, "second": "", "label": label, ORIGIN: origin, **spans})
    return build_table(rows, RelationTask.columns | {"label": pl.String()})


def _read_examples(
    path: Path, files: RelationFiles, rejected: RejectedRows
) -> Iterator[tuple[str, str, list[int], str]]:
    if files.format == "brat" and not files.dataset.name:
        yield from read_related_documents(path, files.no_relation, rejected)
    elif files.format == "semeval" and not files.dataset.name:
        for marked_text, label, origin in read_semeval(path):
            text, positions = extract_marked_spans(marked_text, origin)
            yield text, label, positions, origin
    else:
        yield from _read_table(path, files)


def _read_table(path: Path, files: RelationFiles) -> Iterator[tuple[str, str, list[int], str]]:
    columns, file_format = files.columns, cast("TableFormat", files.format)
    # Both or none, by the validator; without any the text holds the marks.
    spans = [span for span in (columns.first_span, columns.second_span) if span.text]
    required = [columns.text, columns.label, *(name for span in spans for name in (span.text, span.start))]
    for row, origin in files.read_rows(path, required, file_format, header=columns.header):
        text = str(row[columns.text])
        positions = [position for span in spans for position in _locate_span(row, span, columns, origin)]
        if not spans:
            text, positions = extract_marked_spans(text, origin)
        yield text, str(row[columns.label]).strip(), positions, origin


def _locate_span(row: Row, span: SpanColumns, columns: RelationColumns, origin: str) -> tuple[int, int]:
    span_text, start = str(row[span.text]), str(row[span.start])
    if not start.isdecimal() or not str(row[columns.text]).startswith(span_text, int(start)):
        raise StageFailure(f"{origin}: {span_text!r} is not at character {start} of the text", "Correct the row")
    return int(start), int(start) + len(span_text)
