"""Bias without fine-tuning: which of two sentences that differ in a group's name is likelier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, frame
from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.task_types.stereotypes import DIRECTIONS, Stereotypes
from tasks.errors import StageFailure


class BiasColumns(Block):
    """Which column holds what."""

    more: str = "sent_more"
    """the more stereotyping sentence"""
    less: str = "sent_less"
    """the other"""
    direction: str = "stereo_antistereo"
    """stereo, where the more stereotyping sentence is about the disadvantaged group, or antistereo; empty: there is no
    such column"""
    kind: str = "bias_type"
    """the kind of bias"""


class SentencePairs(ScoredFiles):
    """One set of pairs."""

    suffixes = (".csv", ".tsv", ".jsonl", ".parquet")

    columns: BiasColumns = BiasColumns()
    """which columns hold what"""


class StereotypePairs(Benchmark):
    """How often the more stereotyping of two sentences is likelier (format of CrowS-Pairs); 50 % is ideal."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[SentencePairs] = Field([])
    """the sets; none by default"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file, the row and the column."""
        for pairs in self.sets:
            test = frame([row for path in pairs.files() for row in _read(pairs, path)], Stereotypes.columns)
            about = f"Which of two sentences is likelier, {len(test):,} pairs of {pairs.name}. 50 % is ideal."
            none = test.clear()
            yield Stereotypes().checked(Task(pairs.name, about, "stereotypes", [], none, none, test, [0]))


def _read(pairs: SentencePairs, path: Path) -> Iterator[dict[str, Any]]:
    columns = pairs.columns
    wanted = [name for name in (columns.more, columns.less, columns.direction, columns.kind) if name]
    for row, origin in pairs.rows(path, wanted):
        if columns.direction and row[columns.direction] not in DIRECTIONS:
            raise StageFailure(
                f"{origin}: {row[columns.direction]!r} in the column {columns.direction!r} is no direction",
                f"Give {' or '.join(DIRECTIONS)}, or set columns.direction to nothing",
            )
        options = [row[columns.more].strip(), row[columns.less].strip()]
        if options[0] == options[1]:
            raise StageFailure(f"{origin}: the two sentences are the same", "Correct the row, or take it out")
        direction = row[columns.direction] if columns.direction else DIRECTIONS[0]
        pair = {"options": options, "right": 0, "group": row[columns.kind], "direction": direction}
        yield pair | {"prompt": "", ORIGIN: origin}
