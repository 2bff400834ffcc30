from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task, limit_rows
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure

CLASSES = ClassificationTask()


def part(*labels: int) -> pl.DataFrame:
    rows = [{"text": f"text {row}", "second": "", "label": each, "origin": "here"} for row, each in enumerate(labels)]
    return build_table(rows, ClassificationTask.columns)


def made(train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame, names: list[str] | None = None) -> Task:
    return Task("made", "about", "classes", names or ["x", "y"], train, validation, test, [])


def test_a_smaller_sample_lies_in_the_larger_one_of_its_seed() -> None:
    task = made(part(*[0, 1] * 20), part(0), part(1))
    small, large = (CLASSES.sample(task, count, 3) for count in (2, 8))
    assert set(small["text"]) < set(large["text"])
    assert np.bincount(small["label"]).tolist() == [2, 2]
    assert CLASSES.sample(task, 2, 3).equals(small)
    assert not CLASSES.sample(task, 2, 4).equals(small)
    assert CLASSES.sample(task, 0, 3).equals(task.train)


def test_too_few_examples_of_a_class_are_named() -> None:
    with pytest.raises(StageFailure, match=r"class 'y' of made has 1 training examples, and 2 labels"):
        CLASSES.sample(made(part(0, 0, 0, 1), part(0), part(0)), 2, 0)


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(StageFailure, match="has 1 class"):
        CLASSES.validate(made(part(0), part(0), part(0), ["x"]))
    with pytest.raises(StageFailure, match="no training example of the class 'y'"):
        CLASSES.validate(made(part(0), part(1), part(1)))
    with pytest.raises(StageFailure, match="empty test part"):
        CLASSES.validate(made(part(0, 1), part(1), part()))


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    task = made(part(0, 1, 1), part(1), part(0, 1))
    task.save(tmp_path / "data.parquet")
    again = Task.load(tmp_path / "data.parquet")
    assert (again.name, again.about, again.kind, again.names) == (task.name, task.about, task.kind, task.names)
    for name, each in task.parts.items():
        assert again.parts[name].equals(each)


def test_thinned_keeps_most_of_its_rows_when_others_come() -> None:
    before, after = part(*range(1000)), part(*range(1100))
    drawn, later = limit_rows(before, 100, 0), limit_rows(after, 100, 0)
    assert len(drawn) == len(later) == 100
    assert len(set(drawn["text"]) & set(later["text"])) > 80
    assert not drawn.equals(limit_rows(before, 100, 1))
    assert drawn["label"].is_sorted(), "the order stays"
    assert limit_rows(before, 1000, 1).equals(before)
    assert limit_rows(part(), 5, 0).is_empty()


def test_what_is_drawn_depends_on_all_texts_of_a_row_and_on_nothing_else() -> None:
    words = pl.DataFrame({"words": [[f"a {row}"] for row in range(100)], "tags": [[row] for row in range(100)]})
    first = limit_rows(words.with_columns(origin=pl.lit("here")), 10, 0)
    again = limit_rows(words.with_columns(origin=pl.lit("there"), tags=pl.lit([0])), 10, 0)
    assert first["words"].to_list() == again["words"].to_list()
    other = limit_rows(words.with_columns(second=pl.Series(map(str, range(100))), origin=pl.lit("here")), 10, 0)
    assert first["words"].to_list() != other["words"].to_list()


def test_the_digest_names_texts_and_answers_and_not_where_they_are_from() -> None:
    task = made(part(0, 1), part(0), part(1))
    moved = made(part(0, 1).with_columns(origin=pl.lit("there")), part(0), part(1))
    assert task.digest == moved.digest
    assert task.digest != made(part(1, 0), part(0), part(1)).digest
    assert task.digest != made(part(0, 1), part(0), part(1), ["y", "x"]).digest
