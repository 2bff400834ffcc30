"""Grammar, zero-shot: of two sentences that differ in one thing, the grammatical one should be likelier."""

from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.errors import StageFailure


class MinimalPairFiles(ZeroShotFiles):
    """One set of minimal pairs: a JSONL file, or a folder of them, one a phenomenon (format of BLiMP)."""

    suffixes = (".jsonl",)

    good_column: str = "sentence_good"
    """column of the grammatical sentence"""
    bad_column: str = "sentence_bad"
    """column of the ungrammatical sentence"""
    max_pairs_per_file: int = Field(100, ge=1)
    """most pairs of each file"""


class MinimalPairs(DataSetBenchmark):
    """Prefer the grammatical sentence of a pair (Warstadt et al., "BLiMP", 2020); equally likely ones count a half."""

    sets: list[MinimalPairFiles] = Field([])
    """the sets of pairs; none by default"""
    seed: int = 0
    """seed that decides which pairs are kept when a file has more than its limit"""

    def make_task(self, data: MinimalPairFiles) -> Task:
        """Read the pairs of all files, each file up to the limit."""
        files = data.list_files()
        test = pl.concat(limit_rows(_read_pairs(data, path), data.max_pairs_per_file, self.seed) for path in files)
        about = f"The grammatical one of two sentences should be likelier: {len(test):,} pairs, {len(files)} kinds."
        return make_zero_shot_task(data.name, about, "choices", test)


def _read_pairs(pairs: MinimalPairFiles, path: Path) -> pl.DataFrame:
    rows = []
    for item, origin in pairs.read_objects(path):
        options = [item.get(pairs.good_column), item.get(pairs.bad_column)]
        if not all(isinstance(option, str) and option for option in options):
            raise StageFailure(
                f"{origin}: no text in {pairs.good_column!r} or {pairs.bad_column!r}",
                f"Set good_column and bad_column to two of its columns: {', '.join(item)}",
            )
        rows.append({"prompt": "", "options": options, "right": 0, "group": path.stem, ORIGIN: origin})
    return build_table(rows, ChoiceTask.columns)
