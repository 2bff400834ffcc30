"""The files, or the splits of a Hugging Face data set, that a benchmark's examples are read from."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.data.fingerprints import fingerprint_files, fingerprint_path
from tasks.downstream.data.splits import draw_fold, draw_fraction
from tasks.downstream.data.task_data import PARTS, hash_text, limit_rows
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.hub import HubDataset
from tasks.downstream.readers.rejected_rows import ErrorPolicy, RejectedRows
from tasks.downstream.readers.table import flatten_row, read_table_rows, sample_table, select_valid_rows
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import count_suffixes, get_data_suffix, is_data_folder, list_data_files
from tasks.input_files.parallel_files import is_parallel_pattern, match_parallel_files, read_parallel_rows
from tasks.input_files.table_reader import Row, TableFormat, TableReader
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.evaluate")

NAME_PATTERN = r"^[A-Za-z0-9][\w.-]*$"
NO_LABEL = ""
SAMPLE_ROWS = 1000
"""rows that columns are guessed by"""


@contextlib.contextmanager
def name_setting(setting: str) -> Iterator[None]:
    """Note in the failures of a block of code which setting of the data set they are about."""
    try:
        yield
    except StageFailure as error:
        error.setting = error.setting or setting
        raise


class BenchmarkData(Block):
    """One data set of a benchmark: files of the user, or splits of a Hugging Face data set."""

    name: str = Field(pattern=NAME_PATTERN)
    """name of the data set in the report and in the scores"""
    dataset: HubDataset = HubDataset()
    """a data set of the Hugging Face library, by name or folder; with it, paths are names of its splits"""
    encoding: str = ""
    """encoding of text files, such as gb18030 or latin-1; empty: guessed from the bytes, and told in the log"""
    delimiter: str = ""
    """sign between the columns of a table in a text file; empty: tab, comma, semicolon or bar, by what divides it"""
    on_error: ErrorPolicy = "fail"
    """what to do with rows, lines and entities that do not fit (a cell is missing or empty, a span lies outside of its
    text, a line is no JSON): fail, or skip and count them"""
    max_skipped_fraction: float = Field(0.05, ge=0, le=1)
    """largest fraction of a file's rows that on_error may skip; more than that is an error"""

    def make_rejected_rows(self) -> RejectedRows:
        """Return an empty collection of rows that do not fit, with this data set's policy."""
        return RejectedRows(self.on_error, self.max_skipped_fraction)

    def make_table_reader(self, file_format: TableFormat = "auto", header: bool | None = None) -> TableReader:
        """Return how this data set's tables are read."""
        return TableReader(SETTING, file_format, header, self.delimiter, self.encoding)

    def read_rows(
        self,
        path: Path,
        columns: list[str],
        file_format: TableFormat = "auto",
        *,
        header: bool | None = None,
        rejected: RejectedRows | None = None,
    ) -> Iterator[tuple[Row, str]]:
        """Yield the rows of a table, of parallel files, or of a split, with their origins.

        A row needs a value in each of `columns`: what has none is an error that names the row and the column, which
        `rejected` raises or counts.
        """
        if self.dataset.name:
            return select_valid_rows(self.dataset.read_rows(str(path)), columns, rejected)
        if is_parallel_pattern(path):
            return select_valid_rows(read_parallel_rows(path, columns, SETTING, self.encoding), columns, rejected)
        return read_table_rows(path, columns, self.make_table_reader(file_format, header), rejected)

    def sample_rows(self, path: str, file_format: TableFormat = "auto", header: bool | None = None) -> list[Row]:
        """Return the first rows of a table, or of a split, to guess columns by."""
        if self.dataset.name:
            rows = (flatten_row(row) for row, _ in self.dataset.read_rows(path))
            return [row for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False)]
        return sample_table(Path(path), self.make_table_reader(file_format, header), SAMPLE_ROWS)

    def fingerprint_splits(self, splits: dict[str, str]) -> dict[str, Any]:
        """Return setting → fingerprint of the split that it names; nothing where the splits cannot be loaded."""
        try:
            fingerprints = {
                setting: self.dataset.fingerprint_split(split) for setting, split in splits.items() if split
            }
        except StageFailure:  # reading the rows raises it again, with its hint
            return {}
        return fingerprints | {"dataset": "rows"}

    def list_folds(self) -> list[Self]:
        """Return the data sets that this one stands for: itself, or one for each fold."""
        return [self]


class PartitionedFiles(BenchmarkData):
    """One data set that models are fine-tuned on: a file, or a split, for each of train, validation and test."""

    train: str
    """path of the training file, or of a folder with a folder for each class; may lead into an archive, as
    data.zip/train.tsv"""
    test: str = ""
    """path of the test file, which scores are computed on; empty: a part of the training file, by test_fraction or
    folds"""
    validation: str = ""
    """path of the file that hyperparameters are chosen on; empty: a fraction of the training file"""
    test_fraction: float = Field(0.2, gt=0, lt=1)
    """where test is empty: fraction of every class of the training file that is split off as test part, by a hash of
    the text"""
    folds: int = Field(0, ge=0)
    """where test is empty: number of folds of a cross-validation, each a task of its own whose test part is one fold of
    the training file; for small sets; 0: none"""
    fold: int = Field(0, ge=0)
    """the only fold to use, from 1; 0: all of them"""
    validation_fraction: float = Field(0.1, gt=0, lt=1)
    """fraction of the training file that is split off for validation, by a hash of the text"""
    labels_per_class: list[int] = Field([])
    """label counts for this data set, 0 for all; empty: those of evaluate.labels_per_class"""
    max_train_examples: int = Field(20_000, ge=1)
    """most training examples to draw from"""
    max_validation_examples: int = Field(240, ge=1)
    """most examples to choose hyperparameters on"""
    max_test_examples: int = Field(5000, ge=1)
    """most examples to score on"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files in place of their paths."""
        fields = super().semantic()
        paths = {part: getattr(self, part) for part in PARTS}
        if self.dataset.name:
            return fields | self.fingerprint_splits(paths)
        for part, path in paths.items():
            if path and is_parallel_pattern(Path(path)):
                fields[part] = fingerprint_files(match_parallel_files(Path(path)))
            elif path:
                fields |= fingerprint_path(part, Path(path))
        return fields

    def list_folds(self) -> list[Self]:
        """Return one data set for each fold, or this one where it has none, or one only."""
        if self.test or not self.folds:
            return [self]
        if self.folds == 1 or self.fold > self.folds:
            raise BadSetting(f"{self.name} has {self.folds} folds and fold {self.fold}", "Give two folds or more")
        numbers = [self.fold] if self.fold else range(1, self.folds + 1)
        return [self.model_copy(update={"name": f"{self.name}-fold-{fold}", "fold": fold}) for fold in numbers]

    def load_parts(
        self,
        read: Callable[[Path], pl.DataFrame],
        get_text: Callable[[pl.DataFrame], pl.Series],
        seed: int,
        rejected: RejectedRows,
    ) -> dict[str, Any]:
        """Return the arguments train, validation, test and labels of `Task`: parts read, split and limited in size.

        Rows with equal `get_text` are never divided between two parts that are split off one file.
        """
        if self.dataset.name and self.test:
            self.dataset.check_has_splits()
        parts = {
            part: self._read_part(part, read, rejected)
            for part in ("train", "test", "validation")
            if getattr(self, part)
        }
        train = parts.pop("train")
        if not self.test:
            texts, labels = get_text(train).to_list(), get_labels(train)
            in_test = (
                draw_fold(texts, labels, self.fold, self.folds)
                if self.folds
                else draw_fraction(texts, labels, self.test_fraction, "test ")
            )
            train, parts["test"] = train.filter(~in_test), train.filter(in_test)
        if not self.validation:
            # by hash and not at random: copies of a text, in this file or in a later one, go to the same part
            # hash_text is uniform over 64 bits.
            limit = 2**64 * self.validation_fraction
            is_validation = pl.Series([hash_text(text) < limit for text in get_text(train)], dtype=pl.Boolean)
            if "label" in train.columns:  # a rare class must keep its examples in the training part
                moved = train.select("label", moved=is_validation)
                # A class of which all examples would move keeps them all in training.
                is_validation &= ~moved.select(pl.col("moved").all().over("label")).to_series()
            if not is_validation.any():  # of a few rows the hash may choose none
                texts, labels = get_text(train).to_list(), get_labels(train)
                is_validation = draw_fraction(texts, labels, self.validation_fraction)
            train, parts["validation"] = train.filter(~is_validation), train.filter(is_validation)
        limits = {
            "train": self.max_train_examples,
            "validation": self.max_validation_examples,
            "test": self.max_test_examples,
        }
        parts["train"] = train
        limited = {name: limit_rows(parts[name], limits[name], seed) for name in PARTS}
        return {**limited, "labels": self.labels_per_class}

    def _read_part(self, part: str, read: Callable[[Path], pl.DataFrame], rejected: RejectedRows) -> pl.DataFrame:
        path = getattr(self, part)
        num_errors = len(rejected.errors)
        with name_setting(part):
            table = read(Path(path))
            rejected.check_fraction(len(rejected.errors) - num_errors, len(table), path)
        return table


def get_labels(part: pl.DataFrame) -> list[object]:
    """Return the label of each row, one for all where the task has none."""
    return part["label"].to_list() if "label" in part.columns else [NO_LABEL] * len(part)


class ZeroShotFiles(BenchmarkData):
    """One data set that models are scored on without training."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """suffixes of the files that are read where `path` is a folder"""

    path: str
    """a file, or a folder or an archive of files, with all folders below it"""

    def list_files(self) -> list[Path]:
        """Return the files sorted by name, or the split. Raises StageFailure for a folder without such a file."""
        path = Path(self.path)
        if self.dataset.name or not is_data_folder(path):
            return [path]
        all_files = list_data_files(path)
        files = [file for file in all_files if get_data_suffix(file) in self.suffixes]
        if not files:
            raise BadSetting(f"{path} holds no {' or '.join(self.suffixes)} file", "Correct the path")
        return files

    def describe_unread(self) -> str:
        """Return a sentence on the files below `path` that nobody reads, by suffix; empty where there is none."""
        path = Path(self.path)
        if self.dataset.name or not is_data_folder(path):
            return ""
        all_files = list_data_files(path)
        unread = [file for file in all_files if get_data_suffix(file) not in self.suffixes]
        if not unread:
            return ""
        return f" {len(unread):,} of {len(all_files):,} files are of a kind that is not read: {count_suffixes(unread)}."

    def read_files(
        self, read: Callable[[Path, RejectedRows], list[dict[str, Any]]], noun: str = "rows"
    ) -> tuple[list[list[dict[str, Any]]], str]:
        """Return the rows of each file, and a sentence on what was left out of them."""
        rejected = self.make_rejected_rows()
        rows_of_files = []
        with name_setting("path"):
            for path in self.list_files():
                num_errors = len(rejected.errors)
                rows_of_files.append(read(path, rejected))
                rejected.check_fraction(len(rejected.errors) - num_errors, len(rows_of_files[-1]), str(path))
        left_out = self.describe_unread() + rejected.describe(noun)
        if left_out:
            log_once(log.warning, "%s:%s", self.name, left_out)
        return rows_of_files, left_out

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files in place of their paths."""
        if self.dataset.name:
            return super().semantic() | self.fingerprint_splits({"path": self.path})
        return super().semantic() | fingerprint_path("path", Path(self.path))


def build_table(rows: list[dict[str, Any]], columns: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return rows as a table with the columns of a task type and `origin`."""
    return pl.DataFrame(rows, schema={**columns, "origin": pl.String()}, orient="row")
