"""The user's own labelled texts, from files."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.labelled import LabelledTexts, Part
from tasks.evaluate.table import Columns, rows_of
from tasks.failure import StageFailure


class TextFiles(Block):
    """One data set: a file for each part, and what its columns are called."""

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    """how the report and the scores call it"""
    train: str
    """path of a .tsv, .csv, .jsonl or .parquet file with the examples to train on"""
    test: str
    """path of the file that the scores are computed on"""
    validation: str = ""
    """path of the file that settings are chosen on; empty: a share of the training file"""
    validation_share: float = Field(0.1, gt=0, lt=1)
    """how much of the training file that is, by a hash of the text"""
    columns: Columns = Columns()
    """which columns hold what"""
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
                fields[part] = f"{path.suffix} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        return fields


class LabelledText(Benchmark):
    """Classify texts of the user: sentiment, topic, intent, from TSV, CSV, JSONL or Parquet files."""

    from_heldout: ClassVar[bool] = False

    enabled: bool = True
    """whether models are scored on the data sets below"""
    sets: list[TextFiles] = Field([])
    """the data sets; none by default"""
    seed: int = 0
    """decides which rows stay when a part is larger than its limit"""

    def data_sets(self, heldout: pl.DataFrame) -> Iterator[LabelledTexts]:  # noqa: ARG002 - it brings its own texts
        """One task per data set. Raises StageFailure that names the file, the row and the column."""
        for files in self.sets:
            yield self._read(files)

    def _read(self, files: TextFiles) -> LabelledTexts:
        train = list(rows_of(Path(files.train), files.columns))
        test = list(rows_of(Path(files.test), files.columns))
        if files.validation:
            validation = list(rows_of(Path(files.validation), files.columns))
        else:
            kept_apart = [_share(text) < files.validation_share for text, _, _ in train]
            validation = [row for row, apart in zip(train, kept_apart, strict=True) if apart]
            train = [row for row, apart in zip(train, kept_apart, strict=True) if not apart]
        names = sorted({label for _, label, _ in train})
        parts = [_part(rows, names, files.train) for rows in (train, validation, test)]
        limits = (files.most_train, files.most_validation, files.most_test)
        train_part, validation_part, test_part = (
            part.thinned(limit, self.seed) for part, limit in zip(parts, limits, strict=True)
        )
        about = f"Texts of {files.name} in {len(names)} classes."
        return LabelledTexts(files.name, about, names, train_part, validation_part, test_part).checked()


def _share(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def _part(rows: list[tuple[str, str, str]], names: list[str], train: str) -> Part:
    index = {name: number for number, name in enumerate(names)}
    for _, label, origin in rows:
        if label not in index:
            raise StageFailure(
                f"{origin}: the label {json.dumps(label, ensure_ascii=False)} is not in {train}",
                f"Correct it, or add training examples of it (labels there: {', '.join(names[:8])})",
            )
    labels = np.array([index[label] for _, label, _ in rows], dtype=np.int64)
    return Part([text for text, _, _ in rows], labels, [origin for _, _, origin in rows])
