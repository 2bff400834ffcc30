"""Examples with answers, in three parts that share no document; what a benchmark gives and every model is fitted on."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tasks.failure import StageFailure

PARTS = ("train", "validation", "test")
ORIGIN = "origin"
ABOUT = b"textmill.task"


@dataclass(frozen=True)
class Task:
    """A task: `train` is the pool that labelled examples are drawn from.

    The columns of a part are those of the kind (`tasks.evaluate.kinds`) and `origin`: a URL, or file and row.
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
    """At most so many rows, drawn without regard to their answers, in their order."""
    if len(part) <= most:
        return part
    return part[np.sort(np.random.default_rng(seed).permutation(len(part))[:most])]
