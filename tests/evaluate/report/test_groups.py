"""Scores by phenomenon, and how scores that are no ratios are shown."""

import polars as pl
import pytest

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.downstream.task_types.documents import DocumentLikelihoodTask
from tasks.evaluate.report.groups import build_group_table, score_groups
from tasks.evaluate.report.rendering import render_template
from tasks.evaluate.report.tables import build_score_table
from tasks.evaluate.results.benchmark_results import BenchmarkResults, Fit


def make_results(
    task_type: type[ChoiceTask] | type[DocumentLikelihoodTask], rows: list[dict[str, object]], answers: pl.DataFrame
) -> BenchmarkResults:
    test = build_table([row | {"origin": ""} for row in rows], task_type.columns)
    task = Task("made", "", task_type.__module__.rpartition(".")[2], [], test.clear(), test.clear(), test, [0])
    metrics = {name: score.value for name, score in task_type().score_answers(task, test, answers).items()}
    answers = answers.with_row_index("row")
    fits = [Fit("made", model, 0, 0, metrics, {}, None, [], answers) for model in ("pretrained", "random")]
    return BenchmarkResults(task, fits)


@pytest.fixture
def grammar() -> BenchmarkResults:
    """Two groups of two questions each."""
    rows = [{"prompt": "", "options": ["a", "b"], "right": 0, "group": group} for group in "yxxy"]
    likelihoods = [[-1.0, -2.0], [-1.0, -1.0], [-2.0, -1.0], [-1.0, -2.0]]
    return make_results(ChoiceTask, rows, pl.DataFrame({"likelihoods": likelihoods}))


@pytest.fixture
def one_text() -> BenchmarkResults:
    """One text of two bytes, in one group, that costs 8 bits."""
    return make_results(
        DocumentLikelihoodTask, [{"text": "ab", "group": "a"}], pl.DataFrame({"nats": [5.545177], "tokens": [1]})
    )


def render_group_table(results: BenchmarkResults) -> str:
    return render_template("group_table.html", section={"groups": build_group_table(results, score_groups(results))})


def test_each_group_is_scored_alone(grammar: BenchmarkResults) -> None:
    scores = [
        score for score in score_groups(grammar) if (score["model"], score["metric"]) == ("pretrained", "accuracy")
    ]
    assert [(score["group"], score["examples"], score["value"]) for score in scores] == [
        ("", 4, 0.625),
        ("x", 2, 0.25),
        ("y", 2, 1.0),
    ]
    assert all(score["low"] <= score["value"] <= score["high"] for score in scores)


def test_groups_are_shown_as_a_table(grammar: BenchmarkResults) -> None:
    html = render_group_table(grammar)
    assert "<td>all</td><td>4</td><td>62.5 <small" in html
    assert "<td>x</td><td>2</td><td>25.0 <small" in html


def test_one_group_is_no_table(one_text: BenchmarkResults) -> None:
    assert score_groups(one_text) == []
    assert render_group_table(one_text).strip() == ""


def test_bits_are_not_shown_in_per_cent(one_text: BenchmarkResults) -> None:
    expected = {"space_saving": 0.5, "bits_per_byte": 4.0, "perplexity": 256}
    assert one_text.fits[0].metrics == pytest.approx(expected, rel=1e-5)
    html = render_template("score_table.html", section={"scores": build_score_table(one_text)})
    assert "<th>bits per byte</th>" in html
    assert "<td>4.00</td>" in html
    assert "<td>256</td>" in html
    assert "<td>50.0<small>" in html
