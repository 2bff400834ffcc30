"""Scores of the groups that a test part falls into: phenomena, subjects, kinds of bias, files."""

from html import escape
from typing import Any

from tasks.downstream.significance import bootstrap_interval
from tasks.evaluate.report.page import breakable, table
from tasks.evaluate.results.scoreboard import Scoreboard, title_of

MODELS = ("pretrained", "random")
DRAWS = 500  # there may be 67 groups, as in BLiMP


def by_group(board: Scoreboard) -> list[dict[str, Any]]:
    """Each group's scores with 95 % intervals, by name and, for all rows, under the empty name; or nothing.

    Of the models' fits with most labels, for every score that the table shows.
    """
    test = board.task.test
    if "group" not in test.columns or test["group"].n_unique() < 2:
        return []
    groups = {"": test.with_row_index("row")["row"]} | {
        group: rows["row"] for (group,), rows in test.with_row_index("row").group_by("group", maintain_order=True)
    }
    found = []
    for group, rows in sorted(groups.items()):
        for model in (each for each in MODELS if each in board.models):
            fits = board.of(model, board.label_counts[-1])
            scored = [board.kind.score_answers(board.task, test[rows], fit.answers[rows]) for fit in fits]
            for metric in board.kind.metrics:
                scores = [each[metric] for each in scored]
                low, high = bootstrap_interval(scores, draws=DRAWS)
                value = sum(each.value for each in scores) / len(scores)
                told = {"group": group, "model": model, "metric": metric, "examples": len(rows)}
                found.append(told | {"value": value, "low": low, "high": high})
    return found


def group_table(board: Scoreboard, groups: list[dict[str, Any]]) -> str:
    """The pretrained model's scores, of what `by_group` found, as HTML; nothing where there are no groups."""
    metrics = board.kind.metrics[:2]
    found = {(each["group"], each["metric"]): each for each in groups if each["model"] == "pretrained"}
    names = dict.fromkeys(group for group, _ in found)
    head = ["group", "examples", *(escape(board.called(metric)) for metric in metrics)]
    rows = [
        [breakable(name) or "all", str(found[name, metrics[0]]["examples"])]
        + [_cell(board, found[name, metric]) for metric in metrics]
        for name in names
    ]
    if not rows:
        return ""
    shown = f"<h3>By group, {escape(title_of('pretrained'))}</h3>{table(head, rows)}"
    return shown if len(rows) <= 20 else f"<details><summary>By group</summary>{shown}</details>"


def _cell(board: Scoreboard, told: dict[str, Any]) -> str:
    value, low, high = (board.shown_as(told["metric"], told[name]) for name in ("value", "low", "high"))
    return f"{value} <small>{low} … {high}</small>"
