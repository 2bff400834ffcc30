"""The files, or the splits of a Hugging Face data set, that a benchmark's examples are read from."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.data.task_data import PARTS, hash_text, limit_rows
from tasks.downstream.readers.hub import HubDataset
from tasks.downstream.readers.json_objects import read_objects
from tasks.downstream.readers.table import RejectedRows, Row, TableFormat, read_table_rows, select_valid_rows
from tasks.errors import StageFailure
from tasks.runtime.content_digest import hash_files_cached

NAME_PATTERN = r"^[A-Za-z0-9][\w.-]*$"


class BenchmarkData(Block):
    """One data set of a benchmark: files of the user, or splits of a Hugging Face data set."""

    name: str = Field(pattern=NAME_PATTERN)
    """name of the data set in the report and in the scores"""
    dataset: HubDataset = HubDataset()
    """a data set of the Hugging Face library, by name or folder; with it, paths are names of its splits"""

    def read_rows(
        self,
        path: Path,
        columns: list[str],
        file_format: TableFormat = "auto",
        *,
        header: bool = True,
        rejected: RejectedRows = None,
    ) -> Iterator[tuple[Row, str]]:
        """Yield the rows of a table, or of a split, with their origins.

        A row needs a value in each of `columns`: StageFailure names the row and the column where it has none, unless
        there is a list `rejected` to put such errors into.
        """
        if self.dataset.name:
            return select_valid_rows(self.dataset.read_rows(str(path)), columns, rejected)
        return read_table_rows(path, columns, file_format=file_format, header=header, rejected=rejected)

    def fingerprint_splits(self, splits: dict[str, str]) -> dict[str, Any]:
        """Return setting → fingerprint of the split that it names; nothing where the splits cannot be loaded."""
        try:
            fingerprints = {
                setting: self.dataset.fingerprint_split(split) for setting, split in splits.items() if split
            }
        except StageFailure:  # reading the rows raises it again, with its hint
            return {}
        return fingerprints | {"dataset": "rows"}


class PartitionedFiles(BenchmarkData):
    """One data set that models are fine-tuned on: a file, or a split, for each of train, validation and test."""

    train: str
    """path of the training file"""
    test: str
    """path of the test file, which scores are computed on"""
    validation: str = ""
    """path of the file that hyperparameters are chosen on; empty: a fraction of the training file"""
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
            if path and Path(path).is_dir():
                fields |= fingerprint_path(part, Path(path))
            elif path and Path(path).is_file():
                (fields[part],) = fingerprint_files([Path(path)])
        return fields

    def load_parts(
        self, read: Callable[[Path], pl.DataFrame], get_text: Callable[[pl.DataFrame], pl.Series], seed: int
    ) -> dict[str, Any]:
        """Return the arguments train, validation, test and labels of `Task`: parts read, split and limited in size.

        Rows with equal `get_text` are never divided between training and validation.
        """
        if self.dataset.name:
            self.dataset.check_has_splits()
        train, test = read(Path(self.train)), read(Path(self.test))
        if self.validation:
            validation = read(Path(self.validation))
        else:
            # by hash and not at random: copies of a text, in this file or in a later one, go to the same part
            # hash_text is uniform over 64 bits.
            limit = 2**64 * self.validation_fraction
            is_validation = pl.Series([hash_text(text) < limit for text in get_text(train)], dtype=pl.Boolean)
            if "label" in train.columns:  # a rare class must keep its examples in the training part
                moved = train.select("label", moved=is_validation)
                # A class of which all examples would move keeps them all in training.
                is_validation &= ~moved.select(pl.col("moved").all().over("label")).to_series()
            train, validation = train.filter(~is_validation), train.filter(is_validation)
        limits = {
            "train": self.max_train_examples,
            "validation": self.max_validation_examples,
            "test": self.max_test_examples,
        }
        parts = {"train": train, "validation": validation, "test": test}
        limited = {name: limit_rows(part, limits[name], seed) for name, part in parts.items()}
        return {**limited, "labels": self.labels_per_class}


class ZeroShotFiles(BenchmarkData):
    """One data set that models are scored on without training."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """suffixes of the files that are read where `path` is a folder"""

    path: str
    """a file, or a folder of files"""

    def list_files(self) -> list[Path]:
        """Return the files sorted by name, or the split. Raises StageFailure for a folder without such a file."""
        path = Path(self.path)
        if self.dataset.name or not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix in self.suffixes)
        if not files:
            raise StageFailure(f"{path} holds no {' or '.join(self.suffixes)} file", "Correct evaluate.benchmarks")
        return files

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files in place of their paths."""
        if self.dataset.name:
            return super().semantic() | self.fingerprint_splits({"path": self.path})
        return super().semantic() | fingerprint_path("path", Path(self.path))

    def read_objects(self, path: Path) -> Iterator[tuple[Row, str]]:
        """Yield the JSON objects of a file, or the rows of a split, with their origins."""
        return self.read_rows(path, []) if self.dataset.name else read_objects(path)


def fingerprint_path(setting: str, path: Path) -> dict[str, Any]:
    """Return `{setting: names and hashes of the files at path}`; an empty dictionary where there is no file."""
    candidates = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [file for file in candidates if file.is_file()]
    # names without the folder, so that a moved folder has the same key
    fingerprints = [
        f"{file.stem} {fingerprint}" for file, fingerprint in zip(files, fingerprint_files(files), strict=True)
    ]
    return {setting: fingerprints} if fingerprints else {}


def fingerprint_files(paths: Sequence[Path]) -> list[str]:
    """Return the suffix and the SHA-256 of each file: equal for equal files, wherever they are."""
    return [
        f"{path.suffix} {digest.hex()}" for path, digest in zip(paths, hash_files_cached(paths, "sha256"), strict=True)
    ]


def build_table(rows: list[dict[str, Any]], columns: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return rows as a table with the columns of a task type and `origin`."""
    return pl.DataFrame(rows, schema={**columns, "origin": pl.String()}, orient="row")
