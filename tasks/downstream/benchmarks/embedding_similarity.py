"""Two texts and a number, without fine-tuning."""

from collections.abc import Iterator

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.similarity import PairColumns, numbered_pairs
from tasks.downstream.data.data_files import ScoredFiles
from tasks.downstream.data.task_data import Task, thinned
from tasks.downstream.readers.table import TableFormat
from tasks.downstream.task_types.similarities import Similarities


class NumberedPairs(ScoredFiles):
    """One set of pairs."""

    suffixes = (".tsv", ".csv", ".jsonl", ".parquet")

    format: TableFormat = "by suffix"
    """of the files"""
    columns: PairColumns = PairColumns()
    """which columns hold what"""


class EmbeddingSimilarity(Benchmark):
    """Tell how similar two texts are by the cosine of their vectors, without fine-tuning (format of STS)."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[NumberedPairs] = Field([])
    """the sets; none by default"""
    most_pairs: int = Field(2000, ge=2)
    """pairs of each set, at most"""
    seed: int = 0
    """decides which pairs stay when a set has more than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file, the row and the column."""
        for pairs in self.sets:
            rows = pl.concat(numbered_pairs(pairs, pairs.columns, pairs.format, path) for path in pairs.files())
            test = thinned(rows, self.most_pairs, self.seed)
            about = f"Cosines of vectors against people's numbers: {len(test):,} pairs of {pairs.name}."
            none = test.clear()
            yield Similarities().checked(Task(pairs.name, about, "similarities", [], none, none, test, [0]))
