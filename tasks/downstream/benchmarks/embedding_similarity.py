"""Similarity of two texts by their embeddings, zero-shot."""

from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.benchmarks.similarity import PairColumns, guess_pair_columns, read_numbered_pairs
from tasks.downstream.data.data_files import ZeroShotFiles, build_table, name_setting
from tasks.downstream.data.task_data import Task, limit_rows, make_zero_shot_task
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.input_files.table_reader import TABLE_SUFFIXES, TableFormat


class SimilarityPairs(ZeroShotFiles):
    """One set of pairs."""

    suffixes = TABLE_SUFFIXES

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
        with name_setting("path"):
            columns = guess_pair_columns(data, data.columns, data.format, str(data.list_files()[0]))
        rows_of_files, left_out = data.read_files(
            lambda path, rejected: read_numbered_pairs(data, columns, data.format, rejected, path).to_dicts()
        )
        rows = [row for rows_of_file in rows_of_files for row in rows_of_file]
        test = limit_rows(build_table(rows, RegressionTask.columns), self.max_pairs, self.seed)
        about = f"Cosines of vectors against people's numbers: {len(test):,} pairs of {data.name}."
        return make_zero_shot_task(data.name, about, "similarities", test, remarks=left_out)
