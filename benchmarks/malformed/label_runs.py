"""Data sets with odd rows, as evaluation reads them."""

import re
from collections import Counter
from pathlib import Path
from random import Random

import polars as pl

from benchmarks.malformed.labels import DataSet, write_data_sets
from benchmarks.malformed.source_runs import RunResult
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.tagging import Tagging
from tasks.downstream.data.task_data import PARTS, Task
from tasks.errors import StageFailure

BENCHMARKS = {"labelled_text": LabelledText, "tagging": Tagging}
SKIPPED = re.compile(r"([\d,]+) (?:rows|entities) that do not fit are left out")


def read_data_set(data_set: DataSet) -> Task:
    """Read a data set as evaluation does. Raises StageFailure."""
    (task,) = BENCHMARKS[data_set.kind].model_validate({"sets": [data_set.settings]}).make_tasks(pl.DataFrame())
    return task


def list_texts(task: Task) -> list[str]:
    """List the texts of all parts; the words of a tagged sentence are joined by blanks."""
    tables = [getattr(task, part) for part in PARTS]
    if "words" in tables[0].columns:
        return [" ".join(words) for table in tables for words in table["words"].to_list()]
    return [text for table in tables for text in table["text"].to_list()]


def read_data_sets(folder: Path, seed: int, num_cases: int) -> RunResult:
    """Read data sets in which every second row is odd."""
    data_sets = write_data_sets(folder, Random(f"{seed} labels"), num_cases)
    ended_badly: list[str] = []
    unaccounted, reasons = 0, Counter[str]()
    for data_set in data_sets:
        try:
            task = read_data_set(data_set)
        except StageFailure as error:
            ended_badly.append(f"labels: {error}")
            continue
        except Exception as error:  # noqa: BLE001 - it is what this benchmark counts
            ended_badly.append(f"labels: {data_set.settings['train']}: not explained: {type(error).__name__}: {error}")
            continue
        texts = list_texts(task)
        num_skipped = sum(int(number.replace(",", "")) for number in SKIPPED.findall(task.remarks))
        reasons["row that does not fit"] += num_skipped
        missing = len(data_set.intact_texts - set(texts))
        num_odd_read = sum(text not in data_set.intact_texts for text in texts)
        unaccounted += missing + max(data_set.num_odd - num_odd_read - num_skipped, 0)
    return RunResult(
        "rows of data sets", sum(data_set.num_odd for data_set in data_sets), ended_badly, unaccounted, dict(reasons)
    )
