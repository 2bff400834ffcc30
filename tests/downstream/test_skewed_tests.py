"""Which score models are compared by, where most test examples are of one class."""

import numpy as np
import polars as pl
import pytest

from tasks.downstream.baselines.baselines import guess_class, predict_majority_class
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics.classes import ANY_CLASS, score_classes
from tasks.downstream.skewed_tests import choose_metrics, find_largest_class, is_skewed
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.numbers import RegressionTask


def make_part(counts: list[int]) -> pl.DataFrame:
    """Return a part with as many examples of each class."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    rows = [{"text": f"text {row}", "second": "", "label": label} for row, label in enumerate(labels)]
    return build_table(rows, ClassificationTask.columns)


def make_task(train: list[int], test: list[int], **fields: list[str]) -> Task:
    names = [f"class {index}" for index in range(len(test))]
    return Task("made", "", "classes", names, make_part(train), make_part(train), make_part(test), [], **fields)


@pytest.mark.parametrize(
    ("counts", "skewed"),
    [([60, 40], False), ([61, 39], True), ([43, 29, 28], False), ([44, 28, 28], True), ([20, *[10] * 8], False)],
)
def test_a_test_part_is_skewed_by_the_share_of_its_largest_class(counts: list[int], skewed: bool) -> None:
    assert is_skewed(make_task(counts, counts)) is skewed


def test_skewed_tests_are_compared_by_mcc_unless_the_settings_or_the_data_set_say_otherwise() -> None:
    task = make_task([50, 50], [80, 20])
    assert find_largest_class(task) == ("class 0", 0.8)
    assert choose_metrics(task, "mcc").metrics == ["mcc", "accuracy", "macro_f1"]
    assert choose_metrics(task, "macro_f1").metrics == ["macro_f1", "accuracy", "mcc"]
    assert choose_metrics(task, "first").metrics == []
    named = make_task([50, 50], [80, 20], metrics=["accuracy", "f1"])
    assert choose_metrics(named, "mcc").metrics == ["accuracy", "f1"]
    assert choose_metrics(make_task([50, 50], [50, 50]), "mcc").metrics == []


def test_tasks_without_classes_are_never_skewed() -> None:
    part = build_table([{"text": "a", "second": "b", "number": 1.0}], RegressionTask.columns)
    task = Task("made", "", "numbers", [], part, part, part, [])
    assert find_largest_class(task) is None
    assert choose_metrics(task, "mcc") is task


def test_the_majority_is_that_of_the_whole_training_part_and_not_of_the_balanced_sample() -> None:
    task = make_task([30, 70], [29, 71])
    sample = ClassificationTask().sample(task, 8, 0)
    assert sample["label"].value_counts()["count"].to_list() == [8, 8]
    answers = predict_majority_class(task, sample).answers
    assert answers["predicted"].to_list() == [1] * 100
    scores = ClassificationTask().score_answers(task, task.test, answers)
    assert (scores["accuracy"].value, scores["mcc"].value) == (0.71, 0.0)


def test_chance_has_the_expected_score_without_luck() -> None:
    task = make_task([30, 70], [29, 71])
    answers = guess_class(task, task.train).answers
    assert set(answers["predicted"]) == {ANY_CLASS}
    scores = ClassificationTask().score_answers(task, task.test, answers)
    assert scores["accuracy"].value == pytest.approx(0.5)
    assert scores["mcc"].value == pytest.approx(0)
    rng = np.random.default_rng(0)
    truth = task.test["label"].to_numpy().astype(np.int64)
    guesses = [score_classes(truth, rng.integers(0, 2, 100), 2)["macro_f1"].value for _ in range(400)]
    assert scores["macro_f1"].value == pytest.approx(np.mean(guesses), abs=0.01)
    assert ClassificationTask().format_answer(task, answers.row(0, named=True)) == "any class"
