"""Classification of the relation between two marked spans."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, cast

import polars as pl
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.benchmarks.labelled_text import ClassMetric, check_metrics, load_labelled_parts
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.brat import read_related_documents
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.spans import extract_marked_spans, read_semeval
from tasks.downstream.readers.superglue import read_wic
from tasks.downstream.task_types.relations import SPANS, RelationTask
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_file, is_data_folder, read_data_text
from tasks.input_files.table_reader import Row, TableFormat

WORDS = re.compile(r"\S+")
SEMEVAL_SENTENCE = re.compile(r"\d+\t.*<e1>")


class SpanColumns(Block):
    """The columns of a span that is given beside the text; `target.span1_text` is a field of the column `target`."""

    text: str = ""
    """column of the span's text; empty: spans are marked in the text"""
    start: str = ""
    """column of the span's start, in characters from 0"""
    in_words: bool = False
    """whether the start is counted in words from 0, as in the Winograd schemas of SuperGLUE"""


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
    header: bool | None = None
    """whether the first row of a TSV or CSV file contains the columns' names; null: guessed"""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if len({bool(name) for span in (self.first_span, self.second_span) for name in (span.text, span.start)}) > 1:
            raise ValueError("give text and start of first_span and of second_span, or none of them")
        return self


class RelationFiles(PartitionedFiles):
    """One data set of texts with two marked spans."""

    format: Literal["auto", "tsv", "csv", "jsonl", "parquet", "semeval", "brat", "wic"] = "auto"
    """format of the files; semeval: lines of number and text, relation, and comment; brat: a folder of .txt and .ann
    files; wic: pairs of sentences with a word in both, as in WiC of SuperGLUE; auto: by their suffix and content"""
    columns: RelationColumns = RelationColumns()
    """columns of a table"""
    no_relation: str = Field("", pattern=r"^\S*$")
    """class of ordered pairs of entities in one sentence of a brat file that have no relation; empty: such pairs are no
    examples"""
    metrics: list[ClassMetric] = Field([])
    """metrics of the report; models are compared by the first one; empty: macro_f1, accuracy and mcc"""


class Relation(DataSetBenchmark):
    """Tell the relation of two marked spans (format of SemEval-2010 task 8, or a table)."""

    sets: list[RelationFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: RelationFiles) -> Task:
        """Read the parts of a data set; the classes are the relations of its training part."""
        rejected = data.make_rejected_rows()
        names, parts, remark = load_labelled_parts(
            data, functools.partial(_read_part, data, rejected), self.seed, rejected
        )
        remark = rejected.describe("relations") + remark
        about = f"Which of {len(names)} relations do two spans of {data.name} have?"
        check_metrics(data.metrics, data.name, names)
        metrics: list[str] = [*data.metrics]
        return Task(data.name, about, "relations", names, metrics=metrics, remarks=remark, **parts)


def _read_part(files: RelationFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for text, label, positions, origin in _read_examples(path, files, rejected):
        spans = dict(zip(SPANS, positions, strict=True))
        rows.append({"text": text, "second": "", "label": label, ORIGIN: origin, **spans})
    return build_table(rows, RelationTask.columns | {"label": pl.String()})


def _read_examples(
    path: Path, files: RelationFiles, rejected: RejectedRows
) -> Iterator[tuple[str, str, list[int], str]]:
    file_format = "auto" if files.dataset.name else detect_relation_format(files, path)
    if file_format == "brat":
        yield from read_related_documents(path, files.no_relation, rejected)
    elif file_format == "wic":
        yield from read_wic(path, rejected, files.encoding)
    elif file_format == "semeval":
        for marked_text, label, origin in read_semeval(path, rejected, files.encoding):
            try:
                text, positions = extract_marked_spans(marked_text, origin)
            except StageFailure as error:
                rejected.reject(error)
            else:
                yield text, label, positions, origin
    else:
        yield from _read_table(path, files, cast("TableFormat", file_format), rejected)


def detect_relation_format(files: RelationFiles, path: Path) -> str:
    """Return the format of a file: a folder is brat's, and numbered sentences with marks are SemEval's."""
    if files.format != "auto":
        return files.format
    if is_data_folder(path):
        return "brat"
    if get_data_suffix(path) not in (".tsv", ".csv", ".parquet") and is_data_file(path):
        first_line = next(iter(read_data_text(path, SETTING, files.encoding).lstrip().split("\n")), "")
        if SEMEVAL_SENTENCE.match(first_line):
            return "semeval"
    return "auto"


def _read_table(
    path: Path, files: RelationFiles, file_format: TableFormat, rejected: RejectedRows
) -> Iterator[tuple[str, str, list[int], str]]:
    columns = files.columns
    # Both or none, by the validator; without any the text holds the marks.
    spans = [span for span in (columns.first_span, columns.second_span) if span.text]
    required = [columns.text, columns.label, *(name for span in spans for name in (span.text, span.start))]
    for row, origin in files.read_rows(path, required, file_format, header=columns.header, rejected=rejected):
        text = str(row[columns.text])
        try:
            positions = [position for span in spans for position in _locate_span(row, span, columns, origin)]
            if not spans:
                text, positions = extract_marked_spans(text, origin)
        except StageFailure as error:
            rejected.reject(error)
            continue
        yield text, str(row[columns.label]).strip(), positions, origin


def _locate_span(row: Row, span: SpanColumns, columns: RelationColumns, origin: str) -> tuple[int, int]:
    span_text, start = str(row[span.text]), str(row[span.start])
    if span.in_words and start.isdecimal():
        words = [match.start() for match in WORDS.finditer(str(row[columns.text]))]
        nearest = words[min(int(start), len(words) - 1)] if words else 0
        # the words of a span may have lost their punctuation or capitals: the nearest place that spells it
        places = [match.start() for match in re.finditer(re.escape(span_text), str(row[columns.text]), re.IGNORECASE)]
        position = min(places, key=lambda place: abs(place - nearest), default=nearest)
        return position, position + len(span_text)
    if not start.isdecimal() or not str(row[columns.text]).startswith(span_text, int(start)):
        raise StageFailure(f"{origin}: {span_text!r} is not at character {start} of the text", "Correct the row")
    return int(start), int(start) + len(span_text)
