"""Prediction of texts, zero-shot: bits per byte and perplexity."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers import SETTING
from tasks.downstream.task_types.documents import DocumentLikelihoodTask
from tasks.runtime.text_files import read_text


class TextSet(ZeroShotFiles):
    """One set of texts: .txt files with one text each, or TSV, CSV, JSONL or Parquet files with one text a row."""

    suffixes = (".txt", ".tsv", ".csv", ".jsonl", ".parquet")

    text_column: str = "text"
    """column of the text, where files are tables"""


class LanguageModelling(DataSetBenchmark):
    """Predict texts: bits per byte, and perplexity; of masked models pseudo-perplexity (Salazar et al., 2020)."""

    sets: list[TextSet] = Field([])
    """sets of texts, beside the held-out documents; none by default"""
    heldout: bool = False
    """whether the documents held out of pretraining are scored too"""
    max_texts: int = Field(100, ge=1)
    """most texts of each set"""
    max_chars: int = Field(2000, ge=1)
    """most characters of each text; a masked model reads a text once for every token"""
    seed: int = 0
    """seed that decides which texts are kept when a set has more than its limit"""

    @property
    def from_heldout(self) -> bool:
        """True when it needs the held-out documents."""
        return self.heldout

    def make_tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """Yield a task of the held-out documents if asked for, and one for each set.

        Raises StageFailure that names the file and the row.
        """
        if self.heldout:
            rows = heldout.select("text", pl.lit("heldout").alias("group"), pl.col("url").alias(ORIGIN))
            yield DocumentLikelihoodTask().validate(self._limit_texts("heldout", rows))
        yield from super().make_tasks(heldout)

    def make_task(self, data: TextSet) -> Task:
        """Read the texts of all files, up to the limits."""
        rows = [row for path in data.list_files() for row in _read_texts(data, path)]
        return self._limit_texts(data.name, build_table(rows, DocumentLikelihoodTask.columns))

    def _limit_texts(self, name: str, rows: pl.DataFrame) -> Task:
        kept = limit_rows(rows, self.max_texts, self.seed)
        # Cut after the choice, so that the choice does not depend on `max_chars`.
        test = kept.with_columns(pl.col("text").str.head(self.max_chars))
        num_bytes = test["text"].str.len_bytes().sum()
        about = f"How well {len(test):,} texts of {name} are predicted, {num_bytes:,} bytes."
        return make_zero_shot_task(name, about, "documents", test)


def _read_texts(texts: TextSet, path: Path) -> Iterator[dict[str, str]]:
    if path.suffix == ".txt":
        yield {"text": read_text(path, SETTING), "group": path.stem, ORIGIN: str(path)}
    else:
        for row, origin in texts.read_rows(path, [texts.text_column]):
            yield {"text": str(row[texts.text_column]), "group": path.stem, ORIGIN: origin}
