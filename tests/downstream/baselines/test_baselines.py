import polars as pl
import pytest

from tasks.downstream.baselines.baselines import (
    is_spaceless,
    predict_known_entities,
    predict_majority_class,
    predict_mean_number,
    predict_no_entity,
    predict_tfidf_cosine,
    predict_with_tfidf,
    write_first_words,
    write_nearest_target,
    write_source_text,
)
from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.downstream.task_types.tags import TaggingTask
from tasks.downstream.task_types.texts import GenerationTask


def make_part(texts: list[str], labels: list[int]) -> pl.DataFrame:
    rows = [{"text": text, "second": "", "label": label} for text, label in zip(texts, labels, strict=True)]
    return build_table(rows, ClassificationTask.columns)


def make_task(kind: str, names: list[str], train: pl.DataFrame, test: pl.DataFrame) -> Task:
    return Task("made", "", kind, names, train, train, test, [])


def test_majority_takes_the_most_frequent_class() -> None:
    train = make_part(["a", "b", "c"], [1, 2, 2])
    task = make_task("classes", ["x", "y", "z"], train, make_part(["x", "y"], [0, 1]))
    assert predict_majority_class(task, train).answers["predicted"].to_list() == [2, 2]


def test_tfidf_learns_an_easy_task(heldout: pl.DataFrame) -> None:
    (task,) = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8).make_tasks(heldout)
    predictions = predict_with_tfidf(task, ClassificationTask().sample(task, 8, 0))
    assert (predictions.answers["predicted"] == task.test["label"]).mean() > 0.9  # type: ignore[operator]
    assert predictions.validation is not None
    assert set(predictions.chosen) == {"C"}


def test_tfidf_never_predicts_a_class_that_it_has_not_seen() -> None:
    train = make_part(["good", "bad", "fine good", "so bad"], [0, 2, 0, 2])
    task = make_task("classes", ["good", "new", "bad"], train, make_part(["good", "bad", "odd"], [0, 2, 1]))
    answers = predict_with_tfidf(task, train).answers
    assert answers["predicted"].to_list()[:2] == [0, 2]
    assert [row[1] for row in answers["probabilities"].to_list()] == [0, 0, 0]


def test_chinese_is_read_by_characters() -> None:
    assert is_spaceless(["今天天气很好, ok"])
    assert not is_spaceless(["the weather is fine 今天"])
    train = make_part(["好看好吃", "难看难吃", "好玩", "难受"], [0, 1, 0, 1])
    task = make_task("classes", ["good", "bad"], train, make_part(["好听", "难听"], [0, 1]))
    assert predict_with_tfidf(task, train).answers["predicted"].to_list() == [0, 1]


def test_numbers_are_the_mean_or_what_two_texts_share() -> None:
    rows = [
        {"text": "a red bird", "second": "a red bird", "number": 5.0},
        {"text": "a red bird", "second": "no fish here", "number": 0.0},
    ]
    task = make_task(
        "numbers", [], build_table(rows, RegressionTask.columns), build_table(rows, RegressionTask.columns)
    )
    assert predict_mean_number(task, task.train).answers["predicted"].to_list() == [2.5, 2.5]
    assert predict_tfidf_cosine(task, task.train).answers["predicted"].to_list() == [pytest.approx(1.0), 0.0]


def test_entities_of_the_sample_are_found_again_the_longest_first() -> None:
    names = ["B-LOC", "I-LOC", "O"]
    train = build_table(
        [{"words": ["in", "New", "York", "York"], "tags": [2, 0, 1, 0], "between": " "}],
        TaggingTask.columns,
    )
    test = build_table(
        [{"words": ["York", "and", "New", "York"], "tags": [0, 2, 0, 1], "between": " "}], TaggingTask.columns
    )
    task = make_task("tags", names, train, test)
    assert predict_known_entities(task, train).answers["predicted"].to_list() == [[0, 2, 0, 1]]
    assert predict_no_entity(task, train).answers["predicted"].to_list() == [[2, 2, 2, 2]]


def make_texts(*rows: tuple[str, str]) -> pl.DataFrame:
    return build_table([{"text": text, "wanted": [target]} for text, target in rows], GenerationTask.columns)


def test_texts_are_answered_by_their_beginning_by_a_neighbour_or_by_themselves() -> None:
    train = make_texts(("a red bird sings", "bird song"), ("no fish swims here", "dry land"))
    test = make_texts(("The fish, here too.", ""), ("Bird", ""))
    task = make_task("texts", [], train, test)
    assert write_first_words(task, train).answers["written"].to_list() == ["The fish", "Bird"]
    assert write_nearest_target(task, train).answers["written"].to_list() == ["dry land", "bird song"]
    assert write_source_text(task, train).answers["written"].to_list() == ["The fish, here too.", "Bird"]


def test_the_beginning_of_chinese_is_counted_in_characters() -> None:
    train = make_texts(("今天天气很好。", "天气好"))
    task = make_task("texts", [], train, make_texts(("明天，下雨吗？", "")))
    assert write_first_words(task, train).answers["written"].to_list() == ["明天，下"]
