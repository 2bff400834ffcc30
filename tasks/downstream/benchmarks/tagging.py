"""A tag for each word: entities in CoNLL columns, as spans in JSON or beside texts, or in lists."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.baselines.baselines import is_spaceless
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.labelled_text import left_out
from tasks.downstream.data.data_files import Files, frame
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.readers.brat import tagged_documents
from tasks.downstream.readers.conll import sentences_of
from tasks.downstream.readers.spans import tagged_objects
from tasks.downstream.readers.table import Broken, Row
from tasks.downstream.task_types.tags import Tags
from tasks.errors import StageFailure


class TagColumns(Block):
    """Columns of a CoNLL file, counted from 0, or from the end: -1 is the last; columns of a table by name."""

    word: int = 0
    """the word"""
    tag: int = -1
    """its tag"""
    words: str = "tokens"
    """of a table or a data set of the Hugging Face library: the column with the list of words"""
    tags: str = "ner_tags"
    """of these too: the column with the list of their tags"""


class TagFiles(Files):
    """One data set of tagged sentences."""

    format: Literal["conll", "json", "brat", "jsonl", "parquet"] = "conll"
    """columns; JSON objects with `text` and `spans` (or `label` as in CLUENER); a folder of brat's .txt and .ann files;
    or a table with a list of words and a list of tags a row"""
    columns: TagColumns = TagColumns()
    """where words and tags stand"""
    skip_unfit: bool = False
    """entities of brat and JSON files that tags cannot say, as they are of several pieces or overlap a longer one, are
    left out and counted; else they are an error"""


class Tagging(Benchmark):
    """Find entities in sentences of the user, in BIO, BIOES, BMES or BILOU."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[TagFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file and the line."""
        for files in self.sets:
            unfit: Broken = [] if files.skip_unfit else None
            parts = files.parts(functools.partial(_read, files, unfit), _texts, self.seed)
            names = sorted({"O", *(tag for tags in parts["train"]["tags"] for tag in tags)})
            for part in ("train", "validation", "test"):
                parts[part] = _numbered(parts[part], names, files.train)
            about = f"Entities in sentences of {files.name}.{left_out(unfit, 'entities')}"
            yield Tags().checked(Task(name=files.name, about=about, kind="tags", names=names, **parts))


def _read(files: TagFiles, unfit: Broken, path: Path) -> pl.DataFrame:
    found = list(_sentences(files, unfit, path))
    between = "" if is_spaceless(["".join(words) for words, _, _ in found[:200]]) else " "
    rows = [
        {"words": words, "tags": tags, "between": between, ORIGIN: origin} for words, tags, origin in found if words
    ]
    return frame(rows, Tags.columns | {"tags": pl.List(pl.String())})


def _sentences(files: TagFiles, unfit: Broken, path: Path) -> Iterator[tuple[list[str], list[str], str]]:
    columns = files.columns
    if files.dataset.name:
        return _listed(files.rows(path, [columns.words, columns.tags]), columns)
    match files.format:
        case "json":
            return tagged_objects(path, unfit)
        case "brat":
            return tagged_documents(path, unfit)
        case "conll":
            return sentences_of(path, columns.word, columns.tag)
        case layout:
            return _listed(files.rows(path, [columns.words, columns.tags], layout), columns)


def _listed(rows: Iterator[tuple[Row, str]], columns: TagColumns) -> Iterator[tuple[list[str], list[str], str]]:
    for row, origin in rows:
        words, tags = row[columns.words], row[columns.tags]
        for name, values in ((columns.words, words), (columns.tags, tags)):
            if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
                raise StageFailure(f"{origin}: {name!r} is no list of words or of tags", "Name another column")
        yield words, tags, origin


def _texts(part: pl.DataFrame) -> pl.Series:
    return part["words"].list.join(" ")


def _numbered(part: pl.DataFrame, names: list[str], train: str) -> pl.DataFrame:
    for words, tags, origin in part.select("words", "tags", ORIGIN).iter_rows():
        unknown = next((place for place, tag in enumerate(tags) if tag not in names), None)
        if unknown is not None:
            raise StageFailure(
                f"{origin}: the tag {tags[unknown]!r} of {words[unknown]!r} is not in {train}",
                f"Correct it, or add training sentences with it (tags there: {', '.join(names[:8])})",
            )
    numbers = pl.col("tags").list.eval(pl.element().replace_strict(names, range(len(names)), return_dtype=pl.Int32))
    return part.with_columns(numbers)
