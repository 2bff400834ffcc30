"""The data that models are scored on. Nothing here needs a model, so what is wrong with it is known before training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.labelled import LabelledTexts
from tasks.failure import BadSetting, StageFailure

COLUMNS = ["id", "url", "title", "text", "language"]


def heldout_documents(tokens: Sequence[Path]) -> pl.DataFrame:
    """The documents of all snapshots kept out of training, in order. Raises StageFailure when there is none."""
    files = [path for each in tokens for path in sorted((each / "heldout").glob("*.parquet"))]
    found = pl.concat([pl.read_parquet(path, columns=COLUMNS) for path in files]) if files else pl.DataFrame()
    if found.is_empty():
        raise StageFailure(f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout")
    return found


def data_sets(
    benchmarks: Sequence[Benchmark], labels_per_class: Sequence[int], heldout: pl.DataFrame
) -> Iterator[LabelledTexts]:
    """The data of these benchmarks. Raises StageFailure when it makes no task, or a class is too small to sample."""
    names: set[str] = set()
    for benchmark in benchmarks:
        for data in benchmark.data_sets(heldout):
            if data.name in names:
                raise StageFailure(f"two data sets are called {data.name}", "Rename one of them")
            for labels in labels_per_class:
                data.sample(labels, 0)  # fails now when a class is too small, not after minutes of fitting
            names.add(data.name)
            yield data


def no_benchmark() -> BadSetting:
    """That there is nothing to score models on."""
    return BadSetting("no benchmark is enabled", "Enable one, as evaluate.benchmarks.site_section.enabled=true")
