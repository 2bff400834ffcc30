"""The data that models are scored on. Nothing here needs a model, so what is wrong with it is known before training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.examples import Task
from tasks.evaluate.kinds import kind_of
from tasks.failure import BadSetting, StageFailure

COLUMNS = ["id", "url", "title", "text", "language"]


def heldout_documents(tokens: Sequence[Path]) -> pl.DataFrame:
    """The documents of all snapshots kept out of training, in order. Raises StageFailure when there is none."""
    files = [path for each in tokens for path in sorted((each / "heldout").glob("*.parquet"))]
    found = pl.concat([pl.read_parquet(path, columns=COLUMNS) for path in files]) if files else pl.DataFrame()
    if found.is_empty():
        raise StageFailure(f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout")
    return found


def tasks_of(benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame) -> Iterator[Task]:
    """The tasks of these benchmarks. Raises StageFailure when there is none, or too few examples to sample."""
    names: set[str] = set()
    for benchmark in benchmarks:
        for task in benchmark.tasks(heldout):
            if task.name in names:
                raise StageFailure(f"two data sets are called {task.name}", "Rename one of them")
            for count in task.labels or labels:
                kind_of(task).sample(task, count, 0)  # fails now when a class is too small, not after minutes
            names.add(task.name)
            yield task


def no_benchmark() -> BadSetting:
    """That there is nothing to score models on."""
    return BadSetting("no benchmark is enabled", "Enable one, as evaluate.benchmarks.site_section.enabled=true")
