"""The data that models are scored on. Nothing here needs a model, so what is wrong with it is known before training."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import polars as pl

from tasks.block import block_kind as settings_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import kind_of
from tasks.errors import BadSetting, StageFailure

COLUMNS = ["id", "url", "title", "text", "language"]


def heldout_documents(tokens: Sequence[Path]) -> pl.DataFrame:
    """The documents of all snapshots kept out of training, in order. Raises StageFailure when there is none."""
    files = [path for each in tokens for path in sorted((each / "heldout").glob("*.parquet"))]
    found = pl.concat([pl.read_parquet(path, columns=COLUMNS) for path in files]) if files else pl.DataFrame()
    if found.is_empty():
        raise StageFailure(
            f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout_fraction"
        )
    return found


def tasks_of(benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame) -> Iterator[Task]:
    """The tasks of these benchmarks. Raises StageFailure when there is none, or too few examples to sample."""
    names: set[str] = set()
    for benchmark in benchmarks:
        for task in named(benchmark, heldout):
            if task.name in names:
                raise StageFailure(f"two data sets are called {task.name}", "Rename one of them")
            for count in task.labels or labels:
                kind_of(task).sample(task, count, 0)  # fails now when a class is too small, not after minutes
            names.add(task.name)
            yield task


def named(benchmark: Benchmark, heldout: pl.DataFrame) -> Iterator[Task]:
    """A benchmark's tasks. A StageFailure that speaks of a data set of the user begins with the name of its setting."""
    try:
        yield from benchmark.tasks(heldout)
    except StageFailure as error:
        setting = setting_of(benchmark, error.what)
        raise type(error)(f"{setting}: {error.what}" if setting else error.what, error.hint) from error


def setting_of(benchmark: Benchmark, what: str) -> str:
    """Which setting of a data set has the value, such as a file, that an error speaks of first; empty where none has.

    As evaluate.benchmarks.labelled_text.sets[0].test.
    """
    section = f"evaluate.benchmarks.{settings_kind(type(benchmark))}.sets"
    spoken_of = [
        (what.index(str(Path(value))), -len(value), f"{section}[{number}].{field}")
        for number, files in enumerate(getattr(benchmark, "sets", []))
        for field, value in files
        # a name may be any word of the sentence, which says whose it is anyway
        if isinstance(value, str) and field != "name" and value and str(Path(value)) in what
    ]
    return min(spoken_of, key=itemgetter(0, 1))[-1] if spoken_of else ""


def learnt_tasks(benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame) -> list[Task]:
    """The tasks that models are fitted to, with their label counts, and without test parts: so no fit can see them.

    Raises StageFailure when there is none.
    """
    found = [
        replace(task, labels=task.labels or list(labels), test=task.test.clear())
        for task in tasks_of(benchmarks, labels, heldout)
        if kind_of(task).learns
    ]
    if not found:
        raise BadSetting(
            "no enabled benchmark is one that models are fitted to",
            "Enable one, as evaluate.benchmarks.site_section.enabled=true",
        )
    return found


def no_benchmark() -> BadSetting:
    """That there is nothing to score models on."""
    return BadSetting("no benchmark is enabled", "Enable one, as evaluate.benchmarks.site_section.enabled=true")
