"""Similarity of two texts by their embeddings, zero-shot."""

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.benchmarks.similarity import PairColumns, read_numbered_pairs
from tasks.downstream.data.data_files import ZeroShotFiles
from tasks.downstream.data.task_data import Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers.table import TableFormat


class SimilarityPairs(ZeroShotFiles):
    """One set of pairs."""

    suffixes = (".tsv", ".csv", ".jsonl", ".parquet")

    format: TableFormat = "auto"
    """format of the files; auto: by their suffix"""
    columns: PairColumns = PairColumns()
    """columns of the texts and the number"""


class EmbeddingSimilarity(DataSetBenchmark):
    """Tell how similar two texts are by the cosine of their vectors, zero-shot (format of STS)."""

    sets: list[SimilarityPairs] = Field([])
    """the sets of pairs; none by default"""
    max_pairs: int = Field(2000, ge=2)
    """most pairs of each set"""
    seed: int = 0
    """seed that decides which pairs are kept when a set has more than its limit"""

    def make_task(self, data: SimilarityPairs) -> Task:
        """Read the pairs of all files, up to the limit."""
        rows = pl.concat(read_numbered_pairs(data, data.columns, data.format, path) for path in data.list_files())
        test = limit_rows(rows, self.max_pairs, self.seed)
        about = f"Cosines of vectors against people's numbers: {len(test):,} pairs of {data.name}."
        return make_zero_shot_task(data.name, about, "similarities", test)
