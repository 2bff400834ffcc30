"""The files of one data set: a file for each part, or a share of the training file for validation."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.evaluate.examples import hash_of, thinned
from tasks.failure import StageFailure

NAME = r"^[A-Za-z0-9][\w.-]*$"


class Files(Block):
    """One data set: a file for each part."""

    name: str = Field(pattern=NAME)
    """how the report and the scores call it"""
    train: str
    """path of the file with the examples to train on"""
    test: str
    """path of the file that the scores are computed on"""
    validation: str = ""
    """path of the file that settings are chosen on; empty: a share of the training file"""
    validation_share: float = Field(0.1, gt=0, lt=1)
    """how much of the training file that is, by a hash of the text"""
    labels: list[int] = Field([])
    """label counts for this data set, 0 for all; empty: those of evaluate.labels"""
    most_train: int = Field(20_000, ge=1)
    """training examples to draw from, at most"""
    most_validation: int = Field(240, ge=1)
    """examples to choose settings on, at most"""
    most_test: int = Field(480, ge=1)
    """examples to score on, at most"""

    def semantic(self) -> dict[str, Any]:
        """What lies in the files instead of where they are."""
        fields = super().semantic()
        for part in ("train", "validation", "test"):
            path = Path(getattr(self, part))
            if getattr(self, part) and path.is_file():
                fields[part] = content(path)
        return fields

    def parts(self, read: Callable[[Path], pl.DataFrame], text: Callable[[pl.DataFrame], pl.Series], seed: int) -> Any:
        """The three parts, read, split and thinned to their limits, as `Task` takes them.

        `text` gives what two copies of an example have in common: copies do not part between training and validation.
        """
        train, test = read(Path(self.train)), read(Path(self.test))
        if self.validation:
            validation = read(Path(self.validation))
        else:
            apart = pl.Series([hash_of(each) < 2**64 * self.validation_share for each in text(train)], dtype=pl.Boolean)
            train, validation = train.filter(~apart), train.filter(apart)
        limits = {"train": self.most_train, "validation": self.most_validation, "test": self.most_test}
        made = {"train": train, "validation": validation, "test": test}
        return {name: thinned(part, limits[name], seed) for name, part in made.items()} | {"labels": self.labels}


class ScoredFiles(Block):
    """One data set that nothing is learnt from."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """of the files that a folder is read for"""

    name: str = Field(pattern=NAME)
    """how the report and the scores call it"""
    path: str
    """a file, or a folder of them"""

    def files(self) -> list[Path]:
        """The files, by name. Raises StageFailure for a folder without one."""
        path = Path(self.path)
        if not path.is_dir():
            return [path]
        found = sorted(each for each in path.iterdir() if each.suffix in self.suffixes)
        if not found:
            raise StageFailure(f"{path} holds no {' or '.join(self.suffixes)} file", "Correct evaluate.benchmarks")
        return found

    def semantic(self) -> dict[str, Any]:
        """What lies in the files instead of where they are."""
        return super().semantic() | digest("path", Path(self.path))


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
