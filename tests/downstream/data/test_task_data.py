from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task, limit_rows
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure

CLASSES = ClassificationTask()


def make_part(*labels: int) -> pl.DataFrame:
    rows = [{"text": f"text {row}", "second": "", "label": label, "origin": "here"} for row, label in enumerate(labels)]
    return build_table(rows, ClassificationTask.columns)


def make_task(
    train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame, names: list[str] | None = None
) -> Task:
    return Task("made", "about", "classes", names or ["x", "y"], train, validation, test, [])


def test_a_smaller_sample_lies_in_the_larger_one_of_its_seed() -> None:
    task = make_task(make_part(*[0, 1] * 20), make_part(0), make_part(1))
    small, large = (CLASSES.sample(task, count, 3) for count in (2, 8))
    assert set(small["text"]) < set(large["text"])
    assert np.bincount(small["label"]).tolist() == [2, 2]
    assert CLASSES.sample(task, 2, 3).equals(small)
    assert not CLASSES.sample(task, 2, 4).equals(small)
    assert CLASSES.sample(task, 0, 3).equals(task.train)


def test_a_class_with_too_few_examples_gives_what_it_has() -> None:
    task = make_task(make_part(0, 0, 0, 1), make_part(0), make_part(0))
    assert sorted(CLASSES.sample(task, 2, 0)["label"]) == [0, 0, 1]
    assert CLASSES.describe_shortage(task, 2).endswith("1 classes have fewer and give what they have: 'y' 1.")
    assert CLASSES.describe_shortage(task, 1) == ""


def test_invalid_tasks_are_refused() -> None:
    with pytest.raises(StageFailure, match="has 1 class"):
        CLASSES.validate(make_task(make_part(0), make_part(0), make_part(0), ["x"]))
    with pytest.raises(StageFailure, match="empty test part"):
        CLASSES.validate(make_task(make_part(0, 1), make_part(1), make_part()))


def test_a_loaded_task_equals_the_saved_one(tmp_path: Path) -> None:
    task = make_task(make_part(0, 1, 1), make_part(1), make_part(0, 1))
    task.save(tmp_path / "data.parquet")
    loaded = Task.load(tmp_path / "data.parquet")
    assert (loaded.name, loaded.about, loaded.kind, loaded.names) == (task.name, task.about, task.kind, task.names)
    for name, part in task.parts.items():
        assert loaded.parts[name].equals(part)


def test_limit_rows_keeps_most_of_its_rows_when_others_are_added() -> None:
    before, after = make_part(*range(1000)), make_part(*range(1100))
    rows_before, rows_after = limit_rows(before, 100, 0), limit_rows(after, 100, 0)
    assert len(rows_before) == len(rows_after) == 100
    assert len(set(rows_before["text"]) & set(rows_after["text"])) > 80
    assert not rows_before.equals(limit_rows(before, 100, 1))
    assert rows_before["label"].is_sorted(), "the order stays"
    assert limit_rows(before, 1000, 1).equals(before)
    assert limit_rows(make_part(), 5, 0).is_empty()


def test_limit_rows_depends_on_the_texts_of_a_row_only() -> None:
    words = pl.DataFrame({"words": [[f"a {row}"] for row in range(100)], "tags": [[row] for row in range(100)]})
    first = limit_rows(words.with_columns(origin=pl.lit("here")), 10, 0)
    again = limit_rows(words.with_columns(origin=pl.lit("there"), tags=pl.lit([0])), 10, 0)
    assert first["words"].to_list() == again["words"].to_list()
    with_other_texts = limit_rows(
        words.with_columns(second=pl.Series(map(str, range(100))), origin=pl.lit("here")), 10, 0
    )
    assert first["words"].to_list() != with_other_texts["words"].to_list()


def test_the_digest_depends_on_texts_and_answers_and_not_on_origins() -> None:
    task = make_task(make_part(0, 1), make_part(0), make_part(1))
    moved = make_task(make_part(0, 1).with_columns(origin=pl.lit("there")), make_part(0), make_part(1))
    assert task.digest == moved.digest
    assert task.digest != make_task(make_part(1, 0), make_part(0), make_part(1)).digest
    assert task.digest != make_task(make_part(0, 1), make_part(0), make_part(1), ["y", "x"]).digest
