"""Make the tasks that models are scored on. No model is needed, so errors in the data are found before training."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import polars as pl

from tasks.block import block_kind as settings_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.skewed_tests import SkewedMetric, choose_metrics
from tasks.downstream.task_types import load_task_type
from tasks.errors import BadSetting, StageFailure

DOCUMENT_COLUMNS = ["id", "url", "title", "text", "language"]


def load_heldout_documents(tokens: Sequence[Path]) -> pl.DataFrame:
    """Return the held-out documents of all snapshots, in order. Raises StageFailure when there is none."""
    files = [path for snapshot in tokens for path in sorted((snapshot / "heldout").glob("*.parquet"))]
    tables = [pl.read_parquet(path, columns=DOCUMENT_COLUMNS) for path in files]
    documents = pl.concat(tables) if tables else pl.DataFrame()
    if documents.is_empty():
        raise StageFailure(
            f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout_fraction"
        )
    return documents


def make_tasks(benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame) -> Iterator[Task]:
    """Yield the tasks of the benchmarks.

    Raises StageFailure when two have the same name, or when a task has too few examples for a label count.
    """
    names: set[str] = set()
    for benchmark in benchmarks:
        for task in make_benchmark_tasks(benchmark, heldout):
            if task.name in names:
                raise StageFailure(f"two data sets are called {task.name}", "Rename one of them")
            # sampling now finds a class that is too small before minutes of training
            for count in task.labels or labels:
                load_task_type(task).sample(task, count, 0)
            names.add(task.name)
            yield task


def make_benchmark_tasks(benchmark: Benchmark, heldout: pl.DataFrame) -> Iterator[Task]:
    """Yield a benchmark's tasks. A StageFailure about a file of the user begins with the setting that names it."""
    try:
        yield from benchmark.make_tasks(heldout)
    except StageFailure as error:
        setting = find_setting(benchmark, error.what)
        # Of the same class: a BadSetting must stay one.
        raise type(error)(f"{setting}: {error.what}" if setting else error.what, error.hint) from error


def find_setting(benchmark: Benchmark, message: str) -> str:
    """Return the path of the setting whose value, such as a file, an error message mentions first.

    An example is evaluate.benchmarks.labelled_text.sets[0].test. Empty where the message mentions no value.
    """
    section = f"evaluate.benchmarks.{settings_kind(type(benchmark))}.sets"
    mentions = [
        (message.index(str(Path(value))), -len(value), f"{section}[{index}].{field}")
        for index, data in enumerate(getattr(benchmark, "sets", []))
        for field, value in data
        # the name of a data set may be any word of the sentence, which says whose it is anyway
        if isinstance(value, str) and field != "name" and value and str(Path(value)) in message
    ]
    # the first mention; of two values that begin there the longer one: a/b, not a
    return min(mentions, key=itemgetter(0, 1))[-1] if mentions else ""


def make_fine_tuning_tasks(
    benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame, skewed_metric: SkewedMetric
) -> list[Task]:
    """Return the tasks that models are fine-tuned on, with their label counts and empty test parts.

    They have the metrics of an evaluation, which depend on the classes of the test part (`choose_metrics`).
    The test parts are emptied so that nothing that is tuned on these tasks can see them. Raises BadSetting when no
    benchmark has such a task.
    """
    tasks = [
        replace(task, labels=task.labels or list(labels), test=task.test.clear())
        for task in (choose_metrics(task, skewed_metric) for task in make_tasks(benchmarks, labels, heldout))
        if load_task_type(task).is_fine_tuned
    ]
    if not tasks:
        raise BadSetting(
            "no enabled benchmark is one that models are fine-tuned on",
            "Enable one, as evaluate.benchmarks.site_section.enabled=true",
        )
    return tasks


def no_benchmark_error() -> BadSetting:
    """Return the error for an evaluation without an enabled benchmark."""
    return BadSetting("no benchmark is enabled", "Enable one, as evaluate.benchmarks.site_section.enabled=true")
