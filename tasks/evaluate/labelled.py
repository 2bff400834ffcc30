"""Texts with labels, in three parts that share no document; what a benchmark gives and every model is fitted on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.failure import StageFailure
from tasks.manifest import canonical

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Part:
    """Some texts, their labels as indices into the names, and where each came from (a URL, or file and row)."""

    texts: list[str]
    labels: NDArray[np.int64]
    origins: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.int64]) -> "Part":
        """The rows asked for, in that order."""
        return Part([self.texts[row] for row in rows], self.labels[rows], [self.origins[row] for row in rows])

    def thinned(self, most: int, seed: int) -> "Part":
        """At most so many rows, drawn without regard to the label.

        By a hash of each text, so that most of them are drawn again when others have come: a later model is compared
        with an earlier one on the texts that both were tested on.
        """
        order = [hashlib.blake2b(f"{seed} {text}".encode(), digest_size=8).digest() for text in self.texts]
        drawn = sorted(range(len(self)), key=lambda row: (order[row], row))[:most]
        return self.take(np.array(sorted(drawn), dtype=np.int64))

    @property
    def text_ids(self) -> NDArray[np.uint64]:
        """A hash of every text, by which evaluations find the texts that they share."""
        hashes = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in self.texts)
        return np.frombuffer(hashes, dtype="<u8")


@dataclass(frozen=True)
class LabelledTexts:
    """A text classification task: `train` is the pool that labelled examples are drawn from."""

    name: str
    about: str
    names: list[str]
    train: Part
    validation: Part
    test: Part

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def digest(self) -> str:
        """Names its classes, texts and labels: where it is the same, one seed draws the same sample."""
        parts = [[part.texts, part.labels.tolist()] for part in self.parts.values()]
        return hashlib.sha256(canonical([self.names, parts])).hexdigest()[:16]

    def checked(self) -> "LabelledTexts":
        """Itself, when every class can be learnt and scored; StageFailure otherwise."""
        if len(self.names) < 2:
            raise StageFailure(
                f"the benchmark {self.name} has {len(self.names)} class, and two are the fewest", "Give it more data"
            )
        for part_name, part in self.parts.items():
            counts = np.bincount(part.labels, minlength=len(self.names))
            empty = [name for name, count in zip(self.names, counts, strict=True) if not count]
            if empty and part_name == "train":
                raise StageFailure(
                    f"the benchmark {self.name} has no training example of the class {empty[0]!r}",
                    "Add examples of it, or leave the class out",
                )
            if not len(part):
                raise StageFailure(f"the benchmark {self.name} has an empty {part_name} part", "Add rows to it")
        return self

    def sample(self, labels_per_class: int, seed: int) -> Part:
        """So many training examples of each class. For one seed the smaller sample lies within the larger one."""
        rng = np.random.default_rng([seed, 1])
        chosen = []
        for label, name in enumerate(self.names):
            rows = np.flatnonzero(self.train.labels == label)
            if len(rows) < labels_per_class:
                raise StageFailure(
                    f"the class {name!r} of {self.name} has {len(rows)} training examples, "
                    f"and {labels_per_class} labels a class were asked for",
                    "Lower evaluate.labels_per_class, or give the benchmark more data",
                )
            chosen.append(rng.permutation(rows)[:labels_per_class])
        return self.train.take(np.concatenate(chosen))

    def save(self, path: Path) -> None:
        """Write all parts into one Parquet file, with the names in its metadata."""
        columns: dict[str, list[Any]] = {"part": [], "text": [], "label": [], "origin": []}
        for name, part in self.parts.items():
            columns["part"] += [name] * len(part)
            columns["text"] += part.texts
            columns["label"] += part.labels.tolist()
            columns["origin"] += part.origins
        metadata = {"name": self.name, "about": self.about, "names": "\n".join(self.names)}
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)

    @classmethod
    def load(cls, path: Path) -> "LabelledTexts":
        """What `save` wrote."""
        metadata = {key.decode(): value.decode() for key, value in pq.read_schema(path).metadata.items()}
        table = pl.read_parquet(path)
        parts = {}
        for name in PARTS:
            rows = table.filter(pl.col("part") == name)
            parts[name] = Part(
                rows["text"].to_list(), rows["label"].to_numpy().astype(np.int64), rows["origin"].to_list()
            )
        return cls(metadata["name"], metadata["about"], metadata["names"].split("\n"), **parts)
