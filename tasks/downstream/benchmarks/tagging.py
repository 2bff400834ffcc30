"""Named entity recognition: entities in CoNLL columns, as spans in JSON or beside texts, or in lists of tags."""

import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.baselines.baselines import is_spaceless
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.benchmarks.labelled_text import describe_unanswerable
from tasks.downstream.data.data_files import PartitionedFiles, build_table, name_setting
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.brat import read_tagged_documents
from tasks.downstream.readers.conll import (
    TaggedSentence,
    read_sentences,
    read_slashed_sentences,
    split_parallel_tags,
)
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.spans import read_tagged_objects
from tasks.downstream.readers.tag_schemes import TagScheme, detect_tag_scheme
from tasks.downstream.task_types.tags import TaggingTask
from tasks.errors import StageFailure
from tasks.input_files.column_names import find_by_name
from tasks.input_files.data_paths import get_data_suffix, is_data_file, is_data_folder, read_data_text
from tasks.input_files.parallel_files import is_parallel_pattern
from tasks.input_files.table_reader import Row, TableFormat
from tasks.input_files.word_lines import is_slashed
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.evaluate")


class TagColumns(Block):
    """The columns of a CoNLL file, counted from 0, or from the end: -1 is the last; the columns of a table by name."""

    word: int | None = None
    """column of the word in a CoNLL file; null: the first that is no number"""
    tag: int | None = None
    """column of its tag; null: the last that holds tags"""
    words: str = "tokens"
    """column of the list of words in a table or a data set of the Hugging Face library"""
    tags: str = "ner_tags"
    """column of the list of their tags"""


class TagFiles(PartitionedFiles):
    """One data set of tagged sentences.

    A path with * stands for two files with a sentence and its tags a line: the columns' names replace the *, so that
    train/seq.* with the columns in and out is train/seq.in and train/seq.out.
    """

    format: Literal["auto", "conll", "json", "brat", "jsonl", "parquet", "slashes"] = "auto"
    """conll: columns; json: objects with `text` and `spans` (or `label` as in CLUENER); brat: a folder of .txt and .ann
    files; jsonl, parquet: a table with a list of words and a list of tags a row; slashes: running text of word/TAG;
    auto: by the suffix and the content"""
    columns: TagColumns = TagColumns()
    """columns of words and tags"""


class Tagging(DataSetBenchmark):
    """Find entities in sentences of the user, in BIO, BIOES, BMES, BILOU or IO, with or without types."""

    sets: list[TagFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: TagFiles) -> Task:
        """Read the parts of a data set; the tags are those of its training part, and O."""
        rejected = data.make_rejected_rows()
        read = functools.partial(_read_part, data, rejected)
        parts = data.load_parts(read, _join_words, self.seed, rejected)
        with name_setting("train"):
            scheme = detect_tag_scheme(tag for tags in parts["train"]["tags"] for tag in tags)
        parts |= {part: _translate_tags(parts[part], scheme) for part in PARTS}
        names = sorted({"O", *_list_tags(parts["train"])})
        # no model can answer a tag that training lacks: its entities count as missed
        unanswerable = sorted(set(_list_tags(parts["test"])) - set(names))
        num_rows = parts["test"]["tags"].list.eval(pl.element().is_in(unanswerable)).list.any().sum()
        remark = describe_unanswerable(int(num_rows or 0), unanswerable, "tag")
        if remark:
            log_once(log.warning, "%s:%s", data.name, remark)
        is_known = pl.col("tags").list.eval(pl.element().is_in(names)).list.all()
        parts["validation"] = parts["validation"].filter(is_known)
        names += unanswerable
        parts |= {part: _encode_tags(parts[part], names) for part in PARTS}
        about = f"Entities in sentences of {data.name}."
        remarks = scheme.describe() + rejected.describe("entities") + remark
        return Task(name=data.name, about=about, kind="tags", names=names, remarks=remarks, **parts)


def detect_tag_format(files: TagFiles, path: Path) -> str:
    """Return the format of a file: a folder is brat's, and JSON holds lists of tags or spans."""
    if files.format != "auto":
        return files.format
    if is_data_folder(path):
        return "brat"
    if get_data_suffix(path) == ".parquet" or not is_data_file(path):
        return "parquet" if is_data_file(path) else "conll"
    text = read_data_text(path, SETTING, files.encoding)
    if text.lstrip()[:1] in ("{", "["):
        rows = files.sample_rows(str(path), "jsonl")[:20]
        columns = files.columns
        is_list = any(
            isinstance(row.get(columns.tags), list) and isinstance(row.get(columns.words), list) for row in rows
        )
        return "jsonl" if is_list or any(find_tag_lists(row) for row in rows) else "json"
    return "slashes" if is_slashed(text) else "conll"


def find_tag_lists(row: Row) -> tuple[str, str] | None:
    """Return the columns of words and of as many tags in a row; None where there are none."""
    lists = {
        name: value
        for name, value in row.items()
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    }
    words, tags = (find_by_name(list(lists), role) for role in ("words", "tags"))
    if words and tags and words != tags and len(lists[words]) == len(lists[tags]):
        return words, tags
    return None


def _read_part(files: TagFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    sentences = list(_read_sentences(files, rejected, path))
    # decided once for the file: a single sentence may be too short to tell
    between = "" if is_spaceless(["".join(words) for words, _, _ in sentences[:200]]) else " "
    rows = []
    for words, tags, origin in sentences:
        if len(words) != len(tags):
            rejected.reject(StageFailure(f"{origin}: not as many tags as words", "Correct the sentence"))
        elif words:
            rows.append({"words": words, "tags": tags, "between": between, ORIGIN: origin})
    return build_table(rows, TaggingTask.columns | {"tags": pl.List(pl.String())})


def _read_sentences(files: TagFiles, rejected: RejectedRows, path: Path) -> Iterator[TaggedSentence]:
    columns = files.columns
    if files.dataset.name:
        rows = files.read_rows(path, [columns.words, columns.tags], rejected=rejected)
        yield from _read_lists(rows, columns, rejected)
        return
    if is_parallel_pattern(path):
        for row, origin in files.read_rows(path, [columns.words, columns.tags], rejected=rejected):
            yield from split_parallel_tags(row[columns.words], row[columns.tags], origin, rejected)
        return
    match detect_tag_format(files, path):
        case "json":
            yield from read_tagged_objects(path, rejected, files.encoding)
        case "brat":
            yield from read_tagged_documents(path, rejected)
        case "conll":
            yield from read_sentences(path, columns.word, columns.tag, rejected, files.encoding)
        case "slashes":
            yield from read_slashed_sentences(path, rejected, files.encoding)
        case file_format:  # jsonl or parquet
            table_format = cast("TableFormat", file_format)
            columns = _guess_list_columns(files, path, table_format)
            rows = files.read_rows(path, [columns.words, columns.tags], table_format, rejected=rejected)
            yield from _read_lists(rows, columns, rejected)


def _guess_list_columns(files: TagFiles, path: Path, file_format: TableFormat) -> TagColumns:
    """Return the columns of the lists: those of the settings where the table has them, else by their usual names."""
    rows = files.sample_rows(str(path), file_format)[:20]
    if all(files.columns.words in row and files.columns.tags in row for row in rows):
        return files.columns
    guess = next(filter(None, map(find_tag_lists, rows)), None)
    if guess is None or files.columns != TagColumns():
        return files.columns
    return files.columns.model_copy(update={"words": guess[0], "tags": guess[1]})


def _read_lists(
    rows: Iterator[tuple[Row, str]], columns: TagColumns, rejected: RejectedRows
) -> Iterator[TaggedSentence]:
    for row, origin in rows:
        words, tags = row[columns.words], row[columns.tags]
        for name, values in ((columns.words, words), (columns.tags, tags)):
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                what = f"{origin}: {name!r} is no list of words or of tags"
                rejected.reject(StageFailure(what, "Name another column"))
                break
        else:
            yield words, tags, origin


def _join_words(part: pl.DataFrame) -> pl.Series:
    return part["words"].list.join(" ")


def _list_tags(part: pl.DataFrame) -> list[str]:
    return sorted({tag for tags in part["tags"] for tag in tags})


def _translate_tags(part: pl.DataFrame, scheme: TagScheme) -> pl.DataFrame:
    names = _list_tags(part)
    translations = [scheme.translate(name) or f"I-{name}" for name in names]
    return part.with_columns(
        pl.col("tags").list.eval(pl.element().replace_strict(names, translations, return_dtype=pl.String))
    )


def _encode_tags(part: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    indices = pl.col("tags").list.eval(pl.element().replace_strict(names, range(len(names)), return_dtype=pl.Int32))
    return part.with_columns(indices)
