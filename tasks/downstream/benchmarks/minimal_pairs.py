"""Grammar without fine-tuning: of two sentences that differ in one thing, the good one should be likelier."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, frame
from tasks.downstream.data.task_data import ORIGIN, Task, thinned
from tasks.downstream.task_types.choices import Choices
from tasks.errors import StageFailure


class PairFolder(ScoredFiles):
    """One set of minimal pairs: a JSONL file, or a folder of them, one a phenomenon (format of BLiMP)."""

    suffixes = (".jsonl",)

    good: str = "sentence_good"
    """column of the grammatical sentence"""
    bad: str = "sentence_bad"
    """column of the other"""
    most_of_file: int = Field(100, ge=1)
    """pairs of each file, at most"""


class MinimalPairs(Benchmark):
    """Prefer the grammatical sentence of a pair (Warstadt et al., "BLiMP", 2020); equally likely ones count a half."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[PairFolder] = Field([])
    """the sets; none by default"""
    seed: int = 0
    """decides which pairs stay when a file has more than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file and the line."""
        for pairs in self.sets:
            files = pairs.files()
            test = pl.concat(thinned(_read(pairs, path), pairs.most_of_file, self.seed) for path in files)
            about = f"The grammatical one of two sentences should be likelier: {len(test):,} pairs, {len(files)} kinds."
            none = test.clear()
            yield Choices().checked(Task(pairs.name, about, "choices", [], none, none, test, [0]))


def _read(pairs: PairFolder, path: Path) -> pl.DataFrame:
    rows = []
    for item, origin in pairs.objects(path):
        options = [item.get(pairs.good), item.get(pairs.bad)]
        if not all(isinstance(each, str) and each for each in options):
            raise StageFailure(
                f"{origin}: no text in {pairs.good!r} or {pairs.bad!r}",
                f"Set good and bad to two of its columns: {', '.join(item)}",
            )
        rows.append({"prompt": "", "options": options, "right": 0, "group": path.stem, ORIGIN: origin})
    return frame(rows, Choices.columns)
