"""Scores of the groups that a test part consists of: linguistic phenomena, subjects, types of bias, files."""

from dataclasses import dataclass
from typing import Any

from tasks.downstream.significance import bootstrap_interval
from tasks.evaluate.results.benchmark_results import BenchmarkResults

MODELS = ("pretrained", "random")
# Fewer than elsewhere: there may be 67 groups, as in BLiMP, each with intervals of several metrics and models.
DRAWS = 500
MAX_SHOWN_METRICS = 2
MAX_OPEN_ROWS = 20  # a longer table is folded


def score_groups(results: BenchmarkResults) -> list[dict[str, Any]]:
    """Score each group with 95 % intervals; the rows are sorted by group, and the group "" is the whole test part.

    Of the fits with most labels, for every score that the tables show. Empty where the test part has no groups.
    """
    test = results.task.test
    if "group" not in test.columns or test["group"].n_unique() < 2:
        return []
    # answers are in the order of the test part, so a group's row numbers select both
    indexed = test.with_row_index("row")
    group_rows = {"": indexed["row"]} | {
        group: rows["row"] for (group,), rows in indexed.group_by("group", maintain_order=True)
    }
    scored_groups = []
    # "" sorts first, so the whole test part heads the table.
    for group, rows in sorted(group_rows.items()):
        for model in (model for model in MODELS if model in results.models):
            fits = results.select_fits(model, results.label_counts[-1])
            scores_by_seed = [
                results.task_type.score_answers(results.task, test[rows], fit.answers[rows]) for fit in fits
            ]
            for metric in results.task_type.metrics:
                scores = [by_metric[metric] for by_metric in scores_by_seed]
                low, high = bootstrap_interval(scores, draws=DRAWS)
                scored_groups.append(
                    {
                        "group": group,
                        "model": model,
                        "metric": metric,
                        "examples": len(rows),
                        "value": sum(score.value for score in scores) / len(scores),
                        "low": low,
                        "high": high,
                    }
                )
    return scored_groups


@dataclass(frozen=True)
class GroupRow:
    """The pretrained model's scores in one group."""

    name: str
    """empty for all groups together"""
    examples: int
    scores: list[tuple[str, str]]
    """score and interval, by metric"""


@dataclass(frozen=True)
class GroupTable:
    """The pretrained model's scores by group."""

    metrics: list[str]
    rows: list[GroupRow]

    @property
    def is_folded(self) -> bool:
        """Tell whether the table is too long to be shown at once."""
        return len(self.rows) > MAX_OPEN_ROWS


def build_group_table(results: BenchmarkResults, scored_groups: list[dict[str, Any]]) -> GroupTable:
    """Return the pretrained model's rows of `score_groups`; without a row where there are no groups."""
    metrics = results.task_type.metrics[:MAX_SHOWN_METRICS]
    scores = {(score["group"], score["metric"]): score for score in scored_groups if score["model"] == "pretrained"}
    names = dict.fromkeys(group for group, _ in scores)
    rows = [
        GroupRow(
            name,
            scores[name, metrics[0]]["examples"],
            [_format_score(results, scores[name, metric]) for metric in metrics],
        )
        for name in names
    ]
    return GroupTable([results.metric_title(metric) for metric in metrics], rows)


def _format_score(results: BenchmarkResults, score: dict[str, Any]) -> tuple[str, str]:
    value, low, high = (results.format_score(score["metric"], score[name]) for name in ("value", "low", "high"))
    return value, f"{low} … {high}"
