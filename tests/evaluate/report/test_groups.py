"""Scores by phenomenon, and how scores that are no shares are shown."""

import polars as pl
import pytest

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.downstream.task_types.documents import DocumentLikelihoodTask
from tasks.evaluate.report.groups import by_group, group_table
from tasks.evaluate.report.tables import score_table
from tasks.evaluate.results.scoreboard import Fit, Scoreboard


def board(
    kind: type[ChoiceTask] | type[DocumentLikelihoodTask], rows: list[dict[str, object]], answers: pl.DataFrame
) -> Scoreboard:
    test = build_table([row | {"origin": ""} for row in rows], kind.columns)
    task = Task("made", "", kind.__module__.rpartition(".")[2], [], test.clear(), test.clear(), test, [0])
    metrics = {name: score.value for name, score in kind().score_answers(task, test, answers).items()}
    answers = answers.with_row_index("row")
    return Scoreboard(
        task, [Fit("made", model, 0, 0, metrics, {}, None, [], answers) for model in ("pretrained", "random")]
    )


def grammar() -> Scoreboard:
    rows = [{"prompt": "", "options": ["a", "b"], "right": 0, "group": group} for group in "yxxy"]
    return board(
        ChoiceTask, rows, pl.DataFrame({"likelihoods": [[-1.0, -2.0], [-1.0, -1.0], [-2.0, -1.0], [-1.0, -2.0]]})
    )


def test_each_group_is_scored_alone() -> None:
    found = [each for each in by_group(grammar()) if (each["model"], each["metric"]) == ("pretrained", "accuracy")]
    assert [(each["group"], each["examples"], each["value"]) for each in found] == [
        ("", 4, 0.625),
        ("x", 2, 0.25),
        ("y", 2, 1.0),
    ]
    assert all(each["low"] <= each["value"] <= each["high"] for each in found)


def test_groups_are_shown_as_a_table() -> None:
    html = group_table(grammar(), by_group(grammar()))
    assert "<td>all</td><td>4</td><td>62.5 <small" in html
    assert "<td>x</td><td>2</td><td>25.0 <small" in html


def test_one_group_is_no_table() -> None:
    one = board(
        DocumentLikelihoodTask, [{"text": "ab", "group": "a"}], pl.DataFrame({"nats": [5.545177], "tokens": [1]})
    )
    assert group_table(one, by_group(one)) == ""
    assert by_group(one) == []


def test_bits_are_not_shown_in_per_cent() -> None:
    one = board(
        DocumentLikelihoodTask, [{"text": "ab", "group": "a"}], pl.DataFrame({"nats": [5.545177], "tokens": [1]})
    )
    assert one.fits[0].metrics == pytest.approx(
        {"space_saving": 0.5, "bits_per_byte": 4.0, "perplexity": 256}, rel=1e-5
    )
    html = score_table(one)
    assert "<th>bits per byte</th>" in html
    assert "<td>4.00</td>" in html
    assert "<td>256</td>" in html
    assert "<td>50.0<small>" in html
