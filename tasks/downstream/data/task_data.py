"""Examples with answers, in three parts that share no document; what a benchmark gives and every model is fitted on."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.store.manifest import canonical_json

PARTS = ("train", "validation", "test")
ORIGIN = "origin"
ABOUT = b"textmill.task"


@dataclass(frozen=True)
class Task:
    """A task: `train` is the pool that labelled examples are drawn from.

    The columns of a part are those of the kind (`tasks.downstream.task_types`) and `origin`: a URL, or file and row.
    """

    name: str
    about: str
    kind: str
    names: list[str]
    """the classes or tags; empty where the answer is a number or a text"""
    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    labels: list[int]
    """label counts to fit with, 0 for all; empty: those of the settings"""
    metrics: list[str] = field(default_factory=list)
    """scores to compare models by, the first one, and to show; empty: those of the kind"""

    @property
    def parts(self) -> dict[str, pl.DataFrame]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def digest(self) -> str:
        """Names its examples and their answers: where it is the same, one seed draws the same sample."""
        parts = [part.drop(ORIGIN).rows() for part in self.parts.values()]
        return hashlib.sha256(canonical_json([self.kind, self.names, parts])).hexdigest()[:16]

    def nonempty(self) -> "Task":
        """Itself when every part has rows; StageFailure otherwise."""
        for name, part in self.parts.items():
            if part.is_empty():
                raise StageFailure(f"the benchmark {self.name} has an empty {name} part", "Add rows to it")
        return self

    def save(self, path: Path) -> None:
        """Write all parts into one Parquet file, with the names in its metadata."""
        parts = [part.with_columns(pl.lit(name).alias("part")) for name, part in self.parts.items()]
        table = pl.concat(parts).to_arrow()
        named = ("name", "about", "kind", "names", "labels", "metrics")
        about = {name: getattr(self, name) for name in named}
        pq.write_table(table.replace_schema_metadata({ABOUT: json.dumps(about)}), path)

    @classmethod
    def load(cls, path: Path) -> "Task":
        """What `save` wrote."""
        about = json.loads(pq.read_schema(path).metadata[ABOUT])
        table = pl.read_parquet(path)
        parts = {name: table.filter(pl.col("part") == name).drop("part") for name in PARTS}
        return cls(**about | parts)


def thinned(part: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """At most so many rows, in their order.

    By a hash of each row's texts, so that most of them are drawn again when others have come: a later model is compared
    with an earlier one on the examples that both were tested on.
    """
    columns = part.select(pl.col(pl.String, pl.List(pl.String)).exclude(ORIGIN))
    order = [hash_of(f"{seed} {written(row)}") for row in columns.iter_rows()]
    return part[sorted(sorted(range(len(part)), key=lambda row: (order[row], row))[:most])]


def written(row: tuple[str | list[str], ...]) -> str:
    """All texts of a row, one below the other."""
    texts = [text for each in row for text in ([each] if isinstance(each, str) else each)]
    return "\n".join(text for text in texts if text)


def hash_of(text: str) -> int:
    """A number below 2⁶⁴ that stands for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
