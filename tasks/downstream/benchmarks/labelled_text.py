"""Classification of the user's own texts: sentiment, topic, intent; of pairs of texts paraphrase or inference."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import PartitionedFiles, build_table, name_setting
from tasks.downstream.data.task_data import ORIGIN, PARTS, Task
from tasks.downstream.readers.column_roles import guess_text_roles
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.table import as_text
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.parallel_files import is_parallel_pattern
from tasks.input_files.table_reader import TableFormat
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.evaluate")

ClassMetric = Literal["accuracy", "macro_f1", "mcc", "f1", "micro_f1", "macro_precision", "macro_recall"]


MAX_UNANSWERABLE = 0.5
"""fraction of the test rows with labels that training lacks above which the test file is another one"""
MIN_TEST_ROWS = 20
"""fewest test rows by which this is judged"""


class TextColumns(Block):
    """The columns of a table of labelled texts: names of the first row, or numbers from 0 when there is no such row."""

    text: str = ""
    """the text; a list of texts, as of keywords, is joined to one; empty: guessed by the columns' names and values"""
    second_text: str = ""
    """a second text, for tasks on pairs; empty: there is none, or guessed where text is empty too"""
    label: str = ""
    """the class; empty: guessed by the columns' names and values"""
    header: bool | None = None
    """whether the first row of a TSV or CSV file contains the columns' names; null: guessed"""


class NamedLabel(Block):
    """The name of a class for a label of the file."""

    label: str = ""
    """label in the file"""
    name: str = ""
    """name of its class"""


class RowFilter(Block):
    """A value that a column of a row must have for the row to be read."""

    column: str = ""
    """the column"""
    value: str = ""
    """the value"""
    part: Literal["", "train", "validation", "test"] = ""
    """the only part whose rows are chosen, as where train is another file without such a column; empty: all parts"""


class TextFiles(PartitionedFiles):
    """One data set of texts with a class each.

    A path with * stands for two files whose lines correspond: the columns' names replace the *, so that train.* with
    the columns txt and label is train.txt and train.label.
    """

    format: TableFormat = "auto"
    """format of the files; jsonl: JSON in any layout; lines: each begins or ends with its label, as fastText writes it;
    folders: a folder for each class; class_files: a folder with a file of lines for each class, as pos.txt and neg.txt;
    tables: a folder with pieces of one table; multirc: passages with questions and answers as in MultiRC of SuperGLUE,
    with the columns passage, question_answer and label; auto: by the suffix and the content"""
    columns: TextColumns = TextColumns()
    """columns of the texts and the label"""
    skip_labels: list[str] = Field([])
    """rows with these labels are left out, as OCNLI's -, on which its annotators did not agree"""
    label_names: list[NamedLabel] = Field([])
    """names of classes for labels of the file, such as negative for 0; classes of one name become one"""
    keep_rows: list[RowFilter] = Field([])
    """only rows with all of these values are read, as de in the column language of XNLI's file of fifteen languages"""
    metrics: list[ClassMetric] = Field([])
    """metrics of the report; models are compared by the first one; f1 is of the second of two classes, as in GLUE;
    empty: accuracy, macro_f1 and mcc"""

    def guess_columns(self) -> Self:
        """Return these settings with the columns that were guessed from the training file filled in.

        Raises BadSetting where it is not clear which column is meant.
        """
        columns = self.columns
        is_table = not self.dataset.name and not is_parallel_pattern(Path(self.train))
        header = columns.header
        if is_table and header is None:
            named = (columns.text, columns.second_text, columns.label, *(rule.column for rule in self.keep_rows))
            header = self.make_table_reader(self.format).guess_header(Path(self.train), named)
        if columns.text and columns.label:
            return self.model_copy(update={"columns": columns.model_copy(update={"header": header})})
        if not is_table and not self.dataset.name:
            raise BadSetting(f"{self.train} stands for several files", "Set columns.text and columns.label")
        rows = self.sample_rows(self.train, self.format, header)
        roles = guess_text_roles(rows, self.train, label=columns.label, text=columns.text)
        update = {
            "text": columns.text or roles.text,
            "second_text": columns.second_text or ("" if columns.text else roles.second),
            "label": columns.label or roles.answer,
            "header": header,
        }
        names = ", ".join(f"{role} {name!r}" for role, name in update.items() if name and role != "header")
        origins = {True: ", named by the first row", False: ", counted from 0, as the first row is no header", None: ""}
        log_once(log.info, "%s: the columns are %s%s", self.name, names, origins[header])
        return self.model_copy(update={"columns": TextColumns.model_validate(update)})


class LabelledText(DataSetBenchmark):
    """Classify texts of the user, one or two at a time, from tables, JSON, lines with labels or folders."""

    sets: list[TextFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """seed that decides which rows are kept when a part is larger than its limit"""

    def make_task(self, data: TextFiles) -> Task:
        """Read the parts of a data set; the classes are the labels of its training part."""
        rejected = data.make_rejected_rows()
        with name_setting("train"):
            data = data.guess_columns()
        names, parts, remark = load_labelled_parts(
            data, functools.partial(_read_part, data, rejected), self.seed, rejected
        )
        check_metrics(data.metrics, data.name, names)
        about = f"Texts of {data.name} in {len(names)} classes."
        remarks = rejected.describe("rows") + remark
        metrics: list[str] = [*data.metrics]
        return Task(data.name, about, "classes", names, metrics=metrics, remarks=remarks, **parts)


def _read_part(files: TextFiles, rejected: RejectedRows, path: Path) -> pl.DataFrame:
    columns = files.columns
    parts = {part for part in PARTS if getattr(files, part) and Path(getattr(files, part)) == path}
    rules = [rule for rule in files.keep_rows if not rule.part or rule.part in parts]
    kept_columns = [rule.column for rule in rules]
    names = {named.label: named.name for named in files.label_names}
    required = [name for name in (columns.text, columns.second_text, columns.label, *kept_columns) if name]
    rows: list[dict[str, Any]] = []
    for row, origin in files.read_rows(path, required, files.format, header=columns.header, rejected=rejected):
        label = str(row[columns.label]).strip()
        label = names.get(label, label)
        is_kept = all(str(row[rule.column]).strip() == rule.value for rule in rules)
        if is_kept and label not in files.skip_labels:
            second = as_text(row[columns.second_text]) if columns.second_text else ""
            rows.append({"text": as_text(row[columns.text]), "second": second, "label": label, ORIGIN: origin})
    # where every row is invalid the settings are wrong, such as the name of a column
    if rejected.errors and not rows:
        raise rejected.errors[0]
    return build_table(rows, ClassificationTask.columns | {"label": pl.String()})


def load_labelled_parts(
    files: PartitionedFiles, read: Callable[[Path], pl.DataFrame], seed: int, rejected: RejectedRows
) -> tuple[list[str], dict[str, Any], str]:
    """Return the classes, the arguments of `Task` with labels as indices of these, and a remark on unusual classes.

    A class of the test part that training lacks is appended: no model can answer it, so its rows count as wrong.
    """
    parts = files.load_parts(read, lambda part: part["text"], seed, rejected)
    names = sorted(set(parts["train"]["label"]))
    unanswerable = sorted(set(parts["test"]["label"]) - set(names))
    unseen = sorted(set(names) - set(parts["test"]["label"]))
    num_unanswerable = int(parts["test"]["label"].is_in(unanswerable).sum())
    if len(parts["test"]) >= MIN_TEST_ROWS and num_unanswerable > MAX_UNANSWERABLE * len(parts["test"]):
        failure = StageFailure(
            f"{num_unanswerable:,} of {len(parts['test']):,} test rows have a label that training lacks, such as "
            f"{list_names(unanswerable[:2])}",
            "Give a test file with the labels of the training file in the same columns, or leave test empty",
        )
        failure.setting = "test"
        raise failure
    # a validation example of a class that training lacks helps nobody to choose
    parts["validation"] = parts["validation"].filter(pl.col("label").is_in(names))
    remark = describe_unanswerable(num_unanswerable, unanswerable, "label")
    if unseen and len(parts["test"]):
        remark += f" The test part has no example of {list_names(unseen)}."
    if remark:
        log_once(log.warning, "%s:%s", files.name, remark)
    names += unanswerable
    return names, parts | {name: encode_labels(parts[name], names) for name in PARTS}, remark


def check_metrics(metrics: list[ClassMetric], set_name: str, names: list[str]) -> None:
    """Raise BadSetting for a metric that these classes do not have."""
    if "f1" in metrics and len(names) != 2:
        hint = "Set metrics to macro_f1"
        raise BadSetting(f"the metric f1 is of two classes, and {set_name} has {len(names)}", hint)


def describe_unanswerable(num_rows: int, names: list[str], noun: str) -> str:
    """Return a sentence on test rows that no model can answer, with a space before it; empty where there is none."""
    if not names:
        return ""
    return f" {num_rows:,} test rows have a {noun} that training lacks ({list_names(names)}), and count as wrong."


def list_names(names: list[str]) -> str:
    """Return the first names in quotes."""
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(f"{name!r}" for name in names[:8]) + more


def encode_labels(part: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Replace labels by their index among the names."""
    indices = pl.col("label").replace_strict(names, range(len(names)), return_dtype=pl.Int32)
    return part.with_columns(indices)
