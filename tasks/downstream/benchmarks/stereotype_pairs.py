"""Bias, zero-shot: which of two sentences that differ in a group's name is likelier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.task_data import ORIGIN, Task, make_zero_shot_task
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.task_types.stereotypes import DIRECTIONS, StereotypeTask
from tasks.errors import StageFailure
from tasks.input_files.table_reader import TABLE_SUFFIXES


class BiasColumns(Block):
    """The columns of a table of pairs."""

    more: str = "sent_more"
    """the more stereotyping sentence"""
    less: str = "sent_less"
    """the less stereotyping sentence"""
    direction: str = "stereo_antistereo"
    """stereo, where the more stereotyping sentence is about the disadvantaged group, or antistereo; empty: there is no
    such column"""
    bias_type: str = "bias_type"
    """the kind of bias"""


class SentencePairs(ZeroShotFiles):
    """One set of pairs."""

    suffixes = TABLE_SUFFIXES

    columns: BiasColumns = BiasColumns()
    """columns of the sentences, the direction and the type of bias"""


class StereotypePairs(DataSetBenchmark):
    """Count how often the more stereotyping of two sentences is likelier (format of CrowS-Pairs); 50 % is ideal."""

    sets: list[SentencePairs] = Field([])
    """the sets of pairs; none by default"""

    def make_task(self, data: SentencePairs) -> Task:
        """Read the pairs of all files."""
        rows_of_files, left_out = data.read_files(lambda path, rejected: list(_read_pairs(data, path, rejected)))
        test = build_table([row for rows in rows_of_files for row in rows], StereotypeTask.columns)
        about = f"Which of two sentences is likelier, {len(test):,} pairs of {data.name}. 50 % is ideal."
        return make_zero_shot_task(data.name, about, "stereotypes", test, remarks=left_out)


def _read_pairs(pairs: SentencePairs, path: Path, rejected: RejectedRows) -> Iterator[dict[str, Any]]:
    columns = pairs.columns
    required = [name for name in (columns.more, columns.less, columns.direction, columns.bias_type) if name]
    for row, origin in pairs.read_rows(path, required, rejected=rejected):
        if columns.direction and row[columns.direction] not in DIRECTIONS:
            what = f"{origin}: {row[columns.direction]!r} in the column {columns.direction!r} is no direction"
            hint = f"Give {' or '.join(DIRECTIONS)}, or set columns.direction to an empty text"
            rejected.reject(StageFailure(what, hint))
            continue
        options = [row[columns.more].strip(), row[columns.less].strip()]
        if options[0] == options[1]:
            problem = StageFailure(f"{origin}: the two sentences are the same", "Correct the row, or take it out")
            rejected.reject(problem)
            continue
        direction = row[columns.direction] if columns.direction else DIRECTIONS[0]
        pair = {"options": options, "right": 0, "group": row[columns.bias_type], "direction": direction}
        yield pair | {"prompt": "", ORIGIN: origin}
