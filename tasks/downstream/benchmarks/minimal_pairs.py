"""Grammar, zero-shot: of two sentences that differ in one thing, the grammatical one should be likelier."""

import functools
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.errors import StageFailure
from tasks.input_files.column_names import find_by_name
from tasks.input_files.data_paths import get_data_stem
from tasks.input_files.table_reader import TABLE_SUFFIXES


class MinimalPairFiles(ZeroShotFiles):
    """One set of minimal pairs: a table or JSON, or a folder of them, one a phenomenon (format of BLiMP)."""

    suffixes = TABLE_SUFFIXES

    good_column: str = ""
    """column of the grammatical sentence; empty: by its usual names, such as sentence_good"""
    bad_column: str = ""
    """column of the ungrammatical sentence; empty: by its usual names, such as sentence_bad"""
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
        rows_of_files, left_out = data.read_files(functools.partial(_read_pairs, data), "pairs")
        tables = [build_table(rows, ChoiceTask.columns) for rows in rows_of_files]
        test = pl.concat(limit_rows(table, data.max_pairs_per_file, self.seed) for table in tables)
        kinds = f"{len(tables)} kinds."
        about = f"The grammatical one of two sentences should be likelier: {len(test):,} pairs, {kinds}"
        return make_zero_shot_task(data.name, about, "choices", test, remarks=left_out)


def _read_pairs(pairs: MinimalPairFiles, path: Path, rejected: RejectedRows) -> list[dict[str, Any]]:
    rows = []
    for item, origin in pairs.read_rows(path, [], rejected=rejected):
        good, bad = (
            name or find_by_name(list(item), role)
            for name, role in ((pairs.good_column, "good"), (pairs.bad_column, "bad"))
        )
        options = [item.get(good), item.get(bad)]
        if not all(isinstance(option, str) and option.strip() for option in options):
            rejected.reject(
                StageFailure(
                    f"{origin}: no text in {good or 'sentence_good'!r} or {bad or 'sentence_bad'!r}",
                    f"Set good_column and bad_column to two of its columns: {', '.join(item)}",
                )
            )
            continue
        rows.append({"prompt": "", "options": options, "right": 0, "group": get_data_stem(path), ORIGIN: origin})
    return rows
