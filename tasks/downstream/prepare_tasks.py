"""Make the tasks that models are scored on. No model is needed, so errors in the data are found before training."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from tasks.block import block_kind as settings_kind
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.benchmarks.suite import Suite
from tasks.downstream.data.task_data import Task
from tasks.downstream.skewed_tests import SkewedMetric, choose_metrics
from tasks.downstream.task_types import load_task_type
from tasks.errors import BadSetting, StageFailure
from tasks.runtime.log_once import log_once
from tasks.runtime.parquet_files import read_parquet

log = logging.getLogger("textmill.evaluate")

DOCUMENT_COLUMNS = ["id", "url", "title", "text", "language"]


def load_heldout_documents(tokens: Sequence[Path], *, required: bool = True) -> pl.DataFrame:
    """Return the held-out documents of all snapshots, in order. Raises StageFailure when there is none of these.

    Where they are not required, the table may be empty.
    """
    files = [path for snapshot in tokens for path in sorted((snapshot / "heldout").glob("*.parquet"))]
    tables = [read_parquet(path, columns=DOCUMENT_COLUMNS) for path in files]
    documents = pl.concat(tables) if tables else pl.DataFrame(schema=dict.fromkeys(DOCUMENT_COLUMNS, pl.String()))
    if documents.is_empty() and required:
        raise StageFailure(
            f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout_fraction"
        )
    return documents


def make_tasks(
    benchmarks: Sequence[Benchmark], labels: Sequence[int], heldout: pl.DataFrame, stage: str = "evaluate"
) -> Iterator[Task]:
    """Yield the tasks of the benchmarks; `stage` is the one whose settings they are, for the failures.

    Raises StageFailure when two have the same name; and, after all data sets were read, one failure that names every
    data set that cannot be read, each with its setting.
    """
    names: set[str] = set()
    failures: list[StageFailure] = []
    for benchmark in benchmarks:
        for task in make_benchmark_tasks(benchmark, heldout, failures, stage):
            if task.name in names:
                raise StageFailure(f"two data sets are called {task.name}", "Rename one of them")
            names.add(task.name)
            yield describe_shortages(task, task.labels or labels)
    if failures:
        raise join_failures(failures)


def make_benchmark_tasks(
    benchmark: Benchmark, heldout: pl.DataFrame, failures: list[StageFailure], stage: str
) -> Iterator[Task]:
    """Yield a benchmark's tasks; a data set that cannot be read is put into `failures`, with its setting."""
    kind = settings_kind(type(benchmark))
    section = f"{stage}.benchmarks.{kind}"
    if not isinstance(benchmark, DataSetBenchmark | Suite):
        with collect_failure(section, failures):
            yield from benchmark.make_tasks(heldout)
        return
    if isinstance(benchmark, DataSetBenchmark):
        with collect_failure(section, failures):
            yield from benchmark.make_other_tasks(heldout)
    for index, data in enumerate(benchmark.sets):
        with collect_failure(f"{section}.sets[{index}]", failures):
            yield from benchmark.make_set_tasks(data)


@contextlib.contextmanager
def collect_failure(section: str, failures: list[StageFailure]) -> Iterator[None]:
    """Put a StageFailure of a block of code into `failures`, with the setting that it is about in front."""
    try:
        yield
    except StageFailure as error:
        setting = f"{section}.{error.setting}" if error.setting else section
        # Of the same class: a BadSetting must stay one.
        failures.append(type(error)(f"{setting}: {error.what}", error.hint))


def join_failures(failures: Sequence[StageFailure]) -> StageFailure:
    """Return one failure for several: the only one itself, else a list of all."""
    if len(failures) == 1:
        return failures[0]
    is_setting = all(isinstance(failure, BadSetting) for failure in failures)
    lines = "".join(f"\n- {failure}" for failure in failures).rstrip(".")
    hint = "`textmill inspect FILE` shows what a file holds, and the settings that read it"
    return (BadSetting if is_setting else StageFailure)(f"{len(failures)} data sets cannot be read:{lines}", hint)


def describe_shortages(task: Task, labels: Sequence[int]) -> Task:
    """Return a task that says, in the log and the report, where it has fewer examples than a label count."""
    sentences = [load_task_type(task).describe_shortage(task, count) for count in labels if count]
    if not any(sentences):
        return task
    log_once(log.warning, "%s:%s", task.name, "".join(sentences))
    return replace(task, remarks=task.remarks + "".join(sentences))


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
    return BadSetting(
        "no benchmark is enabled",
        "Enable one, as evaluate.benchmarks.site_section.enabled=true, or for bits per byte of the held-out documents "
        "evaluate.benchmarks.language_modelling.heldout=true, or give data of yours (textmill inspect FILE)",
    )
