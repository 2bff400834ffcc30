"""A tag for each word: entities in CoNLL columns, or as spans in JSON."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.evaluate.baselines import is_spaceless
from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.examples import ORIGIN, Task
from tasks.evaluate.files import Files, frame
from tasks.evaluate.inputs.conll import sentences_of
from tasks.evaluate.inputs.spans import tagged_objects
from tasks.evaluate.kinds.tags import Tags
from tasks.failure import StageFailure


class TagColumns(Block):
    """Columns of a CoNLL file, counted from 0, or from the end: -1 is the last."""

    word: int = 0
    """the word"""
    tag: int = -1
    """its tag"""


class TagFiles(Files):
    """One data set of tagged sentences."""

    format: Literal["conll", "json"] = "conll"
    """columns, or JSON objects with `text` and `spans` (or `label` as in CLUENER)"""
    columns: TagColumns = TagColumns()
    """where word and tag stand in a CoNLL file"""


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
            parts = files.parts(functools.partial(_read, files), _texts, self.seed)
            names = sorted({"O", *(tag for tags in parts["train"]["tags"] for tag in tags)})
            for part in ("train", "validation", "test"):
                parts[part] = _numbered(parts[part], names, files.train)
            about = f"Entities in sentences of {files.name}."
            yield Tags().checked(Task(name=files.name, about=about, kind="tags", names=names, **parts))


def _read(files: TagFiles, path: Path) -> pl.DataFrame:
    if files.format == "json":
        found = list(tagged_objects(path))
    else:
        found = list(sentences_of(path, files.columns.word, files.columns.tag))
    between = "" if is_spaceless(["".join(words) for words, _, _ in found[:200]]) else " "
    rows = [
        {"words": words, "tags": tags, "between": between, ORIGIN: origin} for words, tags, origin in found if words
    ]
    return frame(rows, Tags.columns | {"tags": pl.List(pl.String())})


def _texts(part: pl.DataFrame) -> pl.Series:
    return part["words"].list.join(" ")


def _numbered(part: pl.DataFrame, names: list[str], train: str) -> pl.DataFrame:
    for tags, origin in part.select("tags", ORIGIN).iter_rows():
        unknown = set(tags) - set(names)
        if unknown:
            raise StageFailure(
                f"{origin}: the tag {min(unknown)!r} is not in {train}",
                f"Correct it, or add training sentences with it (tags there: {', '.join(names[:8])})",
            )
    numbers = pl.col("tags").list.eval(pl.element().replace_strict(names, range(len(names)), return_dtype=pl.Int32))
    return part.with_columns(numbers)
