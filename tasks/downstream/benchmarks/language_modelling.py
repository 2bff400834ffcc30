"""How well texts are foretold, without fine-tuning."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, frame
from tasks.downstream.data.task_data import ORIGIN, Task, thinned
from tasks.downstream.readers.plain_text import text_of
from tasks.downstream.task_types.documents import Documents


class TextSet(ScoredFiles):
    """One set of texts: .txt files, a text each, or TSV, CSV, JSONL or Parquet files with a text a row."""

    suffixes = (".txt", ".tsv", ".csv", ".jsonl", ".parquet")

    column: str = "text"
    """column of the text, where files are tables"""


class LanguageModelling(Benchmark):
    """Foretell texts: bits per byte, and perplexity; of masked models pseudo-perplexity (Salazar et al., 2020)."""

    enabled: bool = True
    """whether models are scored on the texts below"""
    heldout: bool = False
    """whether the documents kept out of training are such texts"""
    sets: list[TextSet] = Field([])
    """further sets of texts; none by default"""
    most_texts: int = Field(100, ge=1)
    """texts of each set, at most"""
    most_characters: int = Field(2000, ge=1)
    """characters of each text, at most; a masked model reads a text once for every token"""
    seed: int = 0
    """decides which texts stay when a set has more than its limit"""

    @property
    def from_heldout(self) -> bool:
        """Where that is asked for."""
        return self.heldout

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:
        """One task per set. Raises StageFailure that names the file and the row."""
        if self.heldout:
            rows = heldout.select("text", pl.lit("heldout").alias("group"), pl.col("url").alias(ORIGIN))
            yield self._task("heldout", rows)
        for texts in self.sets:
            found = [row for path in texts.files() for row in _read(texts, path)]
            yield self._task(texts.name, frame(found, Documents.columns))

    def _task(self, name: str, rows: pl.DataFrame) -> Task:
        kept = thinned(rows, self.most_texts, self.seed)
        test = kept.with_columns(pl.col("text").str.head(self.most_characters))
        about = f"How well {len(test):,} texts of {name} are foretold, {test['text'].str.len_bytes().sum():,} bytes."
        return Documents().checked(Task(name, about, "documents", [], test.clear(), test.clear(), test, [0]))


def _read(texts: TextSet, path: Path) -> Iterator[dict[str, str]]:
    if path.suffix == ".txt":
        yield {"text": text_of(path), "group": path.stem, ORIGIN: str(path)}
    else:
        for row, origin in texts.rows(path, [texts.column]):
            yield {"text": str(row[texts.column]), "group": path.stem, ORIGIN: origin}
