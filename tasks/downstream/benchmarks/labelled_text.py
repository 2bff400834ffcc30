"""The user's own texts with a class each: sentiment, topic, intent; of two texts paraphrase or inference."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import Files, frame
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.table import Broken, TableFormat, text_in
from tasks.downstream.task_types.classes import Classes
from tasks.errors import BadSetting, StageFailure

ClassMetric = Literal["accuracy", "macro_f1", "mcc", "f1", "micro_f1", "macro_precision", "macro_recall"]


class Columns(Block):
    """Which column holds what. Columns have names in the first row, or are numbers from 0 when there is no such row."""

    text: str = "text"
    """the text; a list of texts, as of keywords, is read as one"""
    second_text: str = ""
    """a second text, for tasks on pairs; empty: there is none"""
    label: str = "label"
    """the class"""
    header: bool = True
    """whether the first row of a TSV or CSV file holds the columns' names"""


class TextFiles(Files):
    """One data set of texts with a class each."""

    format: TableFormat = "by suffix"
    """of the files"""
    columns: Columns = Columns()
    """which columns hold what"""
    skip_labels: list[str] = Field([])
    """rows with these labels are left out, as OCNLI's -, on which its writers did not agree"""
    skip_unfit: bool = False
    """rows that lack a column, a text or a label are left out and counted; else they are an error"""
    metrics: list[ClassMetric] = Field([])
    """what the report shows, and the first is what models are compared by; f1 is of the second of two classes, as in
    GLUE; empty: accuracy, macro_f1 and mcc"""


class LabelledText(Benchmark):
    """Classify texts of the user, one or two at a time, from TSV, CSV, JSONL or Parquet files."""

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[TextFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file, the row and the column."""
        for files in self.sets:
            unfit: Broken = [] if files.skip_unfit else None
            names, parts = named(files, functools.partial(_read, files, unfit), self.seed)
            if "f1" in files.metrics and len(names) != 2:
                mend = "Set metrics to macro_f1"
                raise BadSetting(f"the metric f1 is of two classes, and {files.name} has {len(names)}", mend)
            about = f"Texts of {files.name} in {len(names)} classes.{left_out(unfit, 'rows')}"
            task = Task(name=files.name, about=about, kind="classes", names=names, metrics=[*files.metrics], **parts)
            yield Classes().checked(task)


def left_out(unfit: Broken, what: str) -> str:
    """A sentence on what was left out, or nothing."""
    return f" {len(unfit):,} {what} that do not fit are left out." if unfit else ""


def _read(files: TextFiles, unfit: Broken, path: Path) -> pl.DataFrame:
    columns = files.columns
    wanted = [name for name in (columns.text, columns.second_text, columns.label) if name]
    found: list[dict[str, Any]] = []
    for row, origin in files.rows(path, wanted, files.format, header=columns.header, broken=unfit):
        label = str(row[columns.label]).strip()
        if label not in files.skip_labels:
            second = text_in(row[columns.second_text]) if columns.second_text else ""
            found.append({"text": text_in(row[columns.text]), "second": second, "label": label, ORIGIN: origin})
    if unfit and not found:  # what is wrong with all of them is wrong with the settings
        raise unfit[0]
    return frame(found, Classes.columns | {"label": pl.String()})


def named(files: Files, read: Callable[[Path], pl.DataFrame], seed: int) -> tuple[list[str], dict[str, Any]]:
    """The classes of the training file, and the parts with labels as places among these."""
    parts = files.parts(read, lambda part: part["text"], seed)
    names = sorted(set(parts["train"]["label"]))
    return names, parts | {name: numbered(parts[name], names, files.train) for name in PARTS}


def numbered(part: pl.DataFrame, names: list[str], train: str) -> pl.DataFrame:
    """Labels replaced by their place among the names. Raises StageFailure for one that is not in the training file."""
    unknown = part.filter(~pl.col("label").is_in(names))
    if len(unknown):
        label, origin = unknown.select("label", ORIGIN).row(0)
        raise StageFailure(
            f"{origin}: the label {json.dumps(label, ensure_ascii=False)} is not in {train}",
            f"Correct it, or add training examples of it (labels there: {', '.join(names[:8])})",
        )
    numbers = pl.col("label").replace_strict(names, range(len(names)), return_dtype=pl.Int32)
    return part.with_columns(numbers)
