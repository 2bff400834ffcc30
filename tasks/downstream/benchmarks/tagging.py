"""Named entity recognition: entities in CoNLL columns, as spans in JSON or beside texts, or in lists of tags."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.baselines.baselines import is_spaceless
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark, ErrorPolicy
from tasks.downstream.benchmarks.labelled_text import describe_skipped
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.brat import read_tagged_documents
from tasks.downstream.readers.conll import read_sentences
from tasks.downstream.readers.spans import read_tagged_objects
from tasks.downstream.readers.table import RejectedRows, Row
from tasks.downstream.task_types.tags import TaggingTask
from tasks.errors import StageFailure


class TagColumns(Block):
    """The columns of a CoNLL file, counted from 0, or from the end: -1 is the last; the columns of a table by name."""

    word: int = 0
    """column of the word in a CoNLL file"""
    tag: int = -1
    """column of its tag"""
    words: str = "tokens"
    """column of the list of words in a table or a data set of the Hugging Face library"""
    tags: str = "ner_tags"
    """column of the list of their tags"""


class TagFiles(PartitionedFiles):
    """One data set of tagged sentences."""

    format: Literal["conll", "json", "brat", "jsonl", "parquet"] = "conll"
    """conll: columns; json: objects with `text` and `spans` (or `label` as in CLUENER); brat: a folder of .txt and .ann
    files; jsonl, parquet: a table with a list of words and a list of tags a row"""
    columns: TagColumns = TagColumns()
    """columns of words and tags"""
    on_error: ErrorPolicy = "fail"
    """what to do with entities of brat and JSON files that tags cannot express, because they are of several pieces or
    overlap a longer one: fail, or skip and count them"""


class Tagging(DataSetBenchmark):
    """Find entities in sentences of the user, in BIO, BIOES, BMES or BILOU."""

    sets: list[TagFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: TagFiles) -> Task:
        """Read the parts of a data set; the tags are those of its training part, and O."""
        rejected: RejectedRows = [] if data.on_error == "skip" else None
        parts = data.load_parts(functools.partial(_read_part, data, rejected), _join_words, self.seed)
        names = sorted({"O", *(tag for tags in parts["train"]["tags"] for tag in tags)})
        for part in PARTS:
            parts[part] = _encode_tags(parts[part], names, data.train)
        about = f"Entities in sentences of {data.name}.{describe_skipped(rejected, 'entities')}"
        return Task(name=data.name, about=about, kind="tags", names=names, **parts)


def _read_part(files: TagFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    sentences = list(_read_sentences(files, rejected, path))
    # decided once for the file: a single sentence may be too short to tell
    between = "" if is_spaceless(["".join(words) for words, _, _ in sentences[:200]]) else " "
    rows = [
        {"words": words, "tags": tags, "between": between, ORIGIN: origin} for words, tags, origin in sentences if words
    ]
    return build_table(rows, TaggingTask.columns | {"tags": pl.List(pl.String())})


def _read_sentences(files: TagFiles, rejected: RejectedRows, path: Path) -> Iterator[tuple[list[str], list[str], str]]:
    columns = files.columns
    if files.dataset.name:
        return _read_lists(files.read_rows(path, [columns.words, columns.tags]), columns)
    match files.format:
        case "json":
            return read_tagged_objects(path, rejected)
        case "brat":
            return read_tagged_documents(path, rejected)
        case "conll":
            return read_sentences(path, columns.word, columns.tag)
        case file_format:  # jsonl or parquet
            return _read_lists(files.read_rows(path, [columns.words, columns.tags], file_format), columns)


def _read_lists(rows: Iterator[tuple[Row, str]], columns: TagColumns) -> Iterator[tuple[list[str], list[str], str]]:
    for row, origin in rows:
        words, tags = row[columns.words], row[columns.tags]
        for name, values in ((columns.words, words), (columns.tags, tags)):
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise StageFailure(f"{origin}: {name!r} is no list of words or of tags", "Name another column")
        yield words, tags, origin


def _join_words(part: pl.DataFrame) -> pl.Series:
    return part["words"].list.join(" ")


def _encode_tags(part: pl.DataFrame, names: list[str], train: str) -> pl.DataFrame:
    for words, tags, origin in part.select("words", "tags", ORIGIN).iter_rows():
        unknown = next((index for index, tag in enumerate(tags) if tag not in names), None)
        if unknown is not None:
            raise StageFailure(
                f"{origin}: the tag {tags[unknown]!r} of {words[unknown]!r} is not in {train}",
                f"Correct it, or add training sentences with it (tags there: {', '.join(names[:8])})",
            )
    indices = pl.col("tags").list.eval(pl.element().replace_strict(names, range(len(names)), return_dtype=pl.Int32))
    return part.with_columns(indices)
