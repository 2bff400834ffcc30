"""Where one data set lies: a file or a split for each part, or a share of the training part for validation."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.data.task_data import PARTS, hash_of, thinned
from tasks.downstream.readers.hub import HubDataset
from tasks.downstream.readers.json_objects import objects_of
from tasks.downstream.readers.table import Broken, Row, TableFormat, fitting, rows_of
from tasks.errors import StageFailure

NAME = r"^[A-Za-z0-9][\w.-]*$"


class Source(Block):
    """One data set: files of the user, or splits of a data set of the Hugging Face library."""

    name: str = Field(pattern=NAME)
    """how the report and the scores call it"""
    dataset: HubDataset = HubDataset()
    """a data set of the Hugging Face library, by name or folder; paths are names of its splits then"""

    def rows(
        self,
        part: Path,
        wanted: list[str],
        layout: TableFormat = "by suffix",
        *,
        header: bool = True,
        broken: Broken = None,
    ) -> Iterator[tuple[Row, str]]:
        """Rows of a table, or of a split, with their origins. Raises StageFailure that names the row and the column."""
        if self.dataset.name:
            return fitting(self.dataset.rows(str(part)), wanted, broken)
        return rows_of(part, wanted, layout=layout, header=header, broken=broken)

    def splits(self, parts: dict[str, str]) -> dict[str, Any]:
        """Fields that name splits, by what lies in these instead; nothing where they cannot be loaded."""
        try:
            found = {name: self.dataset.content(split) for name, split in parts.items() if split}
        except StageFailure:  # it will be raised with its mend when the rows are read
            return {}
        return found | {"dataset": "rows"}


class Files(Source):
    """One data set: a file, or a split, for each part."""

    train: str
    """path of the file with the examples to train on"""
    test: str
    """path of the file that the scores are computed on"""
    validation: str = ""
    """path of the file that settings are chosen on; empty: a share of the training file"""
    validation_share: float = Field(0.1, gt=0, lt=1)
    """how much of the training file that is, by a hash of the text"""
    labels: list[int] = Field([])
    """label counts for this data set, 0 for all; empty: those of evaluate.labels_per_class"""
    most_train: int = Field(20_000, ge=1)
    """training examples to draw from, at most"""
    most_validation: int = Field(240, ge=1)
    """examples to choose settings on, at most"""
    most_test: int = Field(5000, ge=1)
    """examples to score on, at most"""

    def semantic(self) -> dict[str, Any]:
        """What lies in the files instead of where they are."""
        fields = super().semantic()
        named = {part: getattr(self, part) for part in PARTS}
        if self.dataset.name:
            return fields | self.splits(named)
        for part, path in named.items():
            if path and Path(path).is_dir():
                fields |= digest(part, Path(path))
            elif path and Path(path).is_file():
                fields[part] = content(Path(path))
        return fields

    def parts(self, read: Callable[[Path], pl.DataFrame], text: Callable[[pl.DataFrame], pl.Series], seed: int) -> Any:
        """The three parts, read, split and thinned to their limits, as `Task` takes them.

        `text` gives what two copies of an example have in common: copies do not part between training and validation.
        """
        if self.dataset.name:
            self.dataset.apart()
        train, test = read(Path(self.train)), read(Path(self.test))
        if self.validation:
            validation = read(Path(self.validation))
        else:
            apart = pl.Series([hash_of(each) < 2**64 * self.validation_share for each in text(train)], dtype=pl.Boolean)
            if "label" in train.columns:  # a rare class must not leave the training part with all it has
                apart &= ~train.select("label", apart=apart).select(pl.col("apart").all().over("label")).to_series()
            train, validation = train.filter(~apart), train.filter(apart)
        limits = {"train": self.most_train, "validation": self.most_validation, "test": self.most_test}
        made = {"train": train, "validation": validation, "test": test}
        return {name: thinned(part, limits[name], seed) for name, part in made.items()} | {"labels": self.labels}


class ScoredFiles(Source):
    """One data set that nothing is learnt from."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """of the files that a folder is read for"""

    path: str
    """a file, or a folder of them"""

    def files(self) -> list[Path]:
        """The files, by name, or the split. Raises StageFailure for a folder without one."""
        path = Path(self.path)
        if self.dataset.name or not path.is_dir():
            return [path]
        found = sorted(each for each in path.iterdir() if each.suffix in self.suffixes)
        if not found:
            raise StageFailure(f"{path} holds no {' or '.join(self.suffixes)} file", "Correct evaluate.benchmarks")
        return found

    def semantic(self) -> dict[str, Any]:
        """What lies in the files instead of where they are."""
        fields = super().semantic()
        return fields | (self.splits({"path": self.path}) if self.dataset.name else digest("path", Path(self.path)))

    def objects(self, path: Path) -> Iterator[tuple[Row, str]]:
        """JSON objects of a file, or rows of a split, with their origins."""
        return self.rows(path, []) if self.dataset.name else objects_of(path)


def digest(field: str, path: Path) -> dict[str, Any]:
    """A path's field by the names and the content of its files; nothing where there are none."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [f"{each.stem} {content(each)}" for each in files if each.is_file()]
    return {field: found} if found else {}


def content(path: Path) -> str:
    """What stands for a file in a key, wherever it is."""
    return f"{path.suffix} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def frame(rows: list[dict[str, Any]], columns: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows of a kind, each with its `origin`."""
    return pl.DataFrame(rows, schema={**columns, "origin": pl.String()}, orient="row")
