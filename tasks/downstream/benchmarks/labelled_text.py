"""Classification of the user's own texts: sentiment, topic, intent; of pairs of texts paraphrase or inference."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark, ErrorPolicy
from tasks.downstream.data.data_files import PartitionedFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.table import RejectedRows, TableFormat, as_text
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import BadSetting, StageFailure

ClassMetric = Literal["accuracy", "macro_f1", "mcc", "f1", "micro_f1", "macro_precision", "macro_recall"]


class TextColumns(Block):
    """The columns of a table of labelled texts: names of the first row, or numbers from 0 when there is no such row."""

    text: str = "text"
    """the text; a list of texts, as of keywords, is joined to one"""
    second_text: str = ""
    """a second text, for tasks on pairs; empty: there is none"""
    label: str = "label"
    """the class"""
    header: bool = True
    """whether the first row of a TSV or CSV file contains the columns' names"""


class TextFiles(PartitionedFiles):
    """One data set of texts with a class each."""

    format: TableFormat = "auto"
    """format of the files; auto: by their suffix"""
    columns: TextColumns = TextColumns()
    """columns of the texts and the label"""
    skip_labels: list[str] = Field([])
    """rows with these labels are left out, as OCNLI's -, on which its annotators did not agree"""
    on_error: ErrorPolicy = "fail"
    """what to do with rows that lack a column, a text or a label: fail, or skip and count them"""
    metrics: list[ClassMetric] = Field([])
    """metrics of the report; models are compared by the first one; f1 is of the second of two classes, as in GLUE;
    empty: accuracy, macro_f1 and mcc"""


class LabelledText(DataSetBenchmark):
    """Classify texts of the user, one or two at a time, from TSV, CSV, JSONL or Parquet files."""

    sets: list[TextFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: TextFiles) -> Task:
        """Read the parts of a data set; the classes are the labels of its training part."""
        rejected: RejectedRows = [] if data.on_error == "skip" else None
        names, parts = load_labelled_parts(data, functools.partial(_read_part, data, rejected), self.seed)
        if "f1" in data.metrics and len(names) != 2:
            hint = "Set metrics to macro_f1"
            raise BadSetting(f"the metric f1 is of two classes, and {data.name} has {len(names)}", hint)
        about = f"Texts of {data.name} in {len(names)} classes.{describe_skipped(rejected, 'rows')}"
        return Task(name=data.name, about=about, kind="classes", names=names, metrics=[*data.metrics], **parts)


def describe_skipped(rejected: RejectedRows, noun: str) -> str:
    """Return a sentence on the number of skipped rows, with a space before it; empty where none was skipped."""
    return f" {len(rejected):,} {noun} that do not fit are left out." if rejected else ""


def _read_part(files: TextFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    columns = files.columns
    required = [name for name in (columns.text, columns.second_text, columns.label) if name]
    rows: list[dict[str, Any]] = []
    for row, origin in files.read_rows(path, required, files.format, header=columns.header, rejected=rejected):
        label = str(row[columns.label]).strip()
        if label not in files.skip_labels:
            second = as_text(row[columns.second_text]) if columns.second_text else ""
            rows.append({"text": as_text(row[columns.text]), "second": second, "label": label, ORIGIN: origin})
    # where every row is invalid the settings are wrong, such as the name of a column
    if rejected and not rows:
        raise rejected[0]
    return build_table(rows, ClassificationTask.columns | {"label": pl.String()})


def load_labelled_parts(
    files: PartitionedFiles, read: Callable[[Path], pl.DataFrame], seed: int
) -> tuple[list[str], dict[str, Any]]:
    """Return the classes of the training file, and the arguments of `Task` with labels as indices of these classes."""
    parts = files.load_parts(read, lambda part: part["text"], seed)
    names = sorted(set(parts["train"]["label"]))
    return names, parts | {name: encode_labels(parts[name], names, files.train) for name in PARTS}


def encode_labels(part: pl.DataFrame, names: list[str], train: str) -> pl.DataFrame:
    """Replace labels by their index among the names. Raises StageFailure for one that is not in the training file."""
    unknown = part.filter(~pl.col("label").is_in(names))
    if len(unknown):
        label, origin = unknown.select("label", ORIGIN).row(0)
        raise StageFailure(
            f"{origin}: the label {json.dumps(label, ensure_ascii=False)} is not in {train}",
            f"Correct it, or add training examples of it (labels there: {', '.join(names[:8])})",
        )
    # Strict: an unknown label would be an error, and they are reported above.
    indices = pl.col("label").replace_strict(names, range(len(names)), return_dtype=pl.Int32)
    return part.with_columns(indices)
