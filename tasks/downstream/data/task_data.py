"""A task's labelled examples in three parts: train, validation and test. Every benchmark makes such tasks."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.runtime.parquet_files import read_parquet
from tasks.store.manifest import canonical_json

PARTS = ("train", "validation", "test")
ORIGIN = "origin"
METADATA_KEY = b"textmill.task"


@dataclass(frozen=True)
class Task:
    """A task with its examples; `train` is the pool that labelled examples are drawn from.

    A part has the columns of the task type (`tasks.downstream.task_types`) and `origin`: a URL, or file and row.
    """

    # the fields but for the three parts are keys in the Parquet file's metadata
    name: str
    about: str
    """a sentence for the report"""
    kind: str
    """the module in tasks.downstream.task_types"""
    names: list[str]
    """the classes or tags; empty where the answer is a number or a text"""
    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    labels: list[int]
    """label counts to fine-tune with, 0 for all; empty: those of the settings"""
    metrics: list[str] = field(default_factory=list)
    """metrics to show; models are compared by the first one; empty: those of the task type"""
    remarks: str = ""
    """sentences on what was left out or is unusual, each with a space before it; for the report and the end of a run"""

    @property
    def parts(self) -> dict[str, pl.DataFrame]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def describe(self) -> str:
        """Return the sentence on the task, with the remarks."""
        return self.about + self.remarks

    @property
    def digest(self) -> str:
        """A hash of the examples and their answers: tasks of the same digest draw the same samples from a seed."""
        # without the origins: the same examples from another folder are the same task
        parts = [part.drop(ORIGIN).rows() for part in self.parts.values()]
        return hashlib.sha256(canonical_json([self.kind, self.names, parts])).hexdigest()[:16]

    def require_rows(self) -> "Task":
        """Return the task itself. Raises StageFailure when a part is empty."""
        for name, part in self.parts.items():
            if part.is_empty():
                raise StageFailure(f"the benchmark {self.name} has an empty {name} part", "Add rows to it")
        return self

    def save(self, path: Path) -> None:
        """Write all parts into one Parquet file, with the other fields as JSON in its metadata."""
        # One file, so that a task is read or copied as a whole.
        parts = [part.with_columns(pl.lit(name).alias("part")) for name, part in self.parts.items()]
        table = pl.concat(parts).to_arrow()
        names = ("name", "about", "kind", "names", "labels", "metrics", "remarks")
        metadata = {name: getattr(self, name) for name in names}
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata)}), path)

    @classmethod
    def load(cls, path: Path) -> "Task":
        """Read a task that `save` wrote."""
        metadata = json.loads(pq.read_schema(path).metadata[METADATA_KEY])
        table = read_parquet(path)
        parts = {name: table.filter(pl.col("part") == name).drop("part") for name in PARTS}
        return cls(**metadata | parts)


def make_zero_shot_task(
    name: str, about: str, kind: str, test: pl.DataFrame, names: list[str] | None = None, remarks: str = ""
) -> Task:
    """Return a task with a test part only, whose one label count is 0: there is nothing to fine-tune on."""
    empty = test.clear()
    return Task(name, about, kind, names or [], empty, empty, test, [0], remarks=remarks)


def limit_rows(part: pl.DataFrame, max_rows: int, seed: int) -> pl.DataFrame:
    """Return at most `max_rows` rows, in their order, chosen by a hash of each row's texts.

    A random choice would draw other rows as soon as rows are added. By hash most rows stay the same, so that a later
    model can be compared with a previous one on the examples that both were tested on.
    """
    # texts only: labels may be renumbered when a class is added
    columns = part.select(pl.col(pl.String, pl.List(pl.String)).exclude(ORIGIN))
    hashes = [hash_text(f"{seed} {join_texts(row)}") for row in columns.iter_rows()]
    by_hash = sorted(range(len(part)), key=lambda row: (hashes[row], row))
    # Chosen by hash, and returned in the order of the table.
    return part[sorted(by_hash[:max_rows])]


def join_texts(row: tuple[str | list[str], ...]) -> str:
    """Join all texts of a row, one to a line; empty ones are left out."""
    texts = [text for value in row for text in ([value] if isinstance(value, str) else value)]
    return "\n".join(text for text in texts if text)


def hash_text(text: str) -> int:
    """Return a 64-bit hash of a text as a non-negative integer."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
