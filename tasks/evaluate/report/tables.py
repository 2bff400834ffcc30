"""The numbers of a benchmark as tables that fit a phone: an interval stands below its score."""

from dataclasses import dataclass

from tasks.downstream.significance import Difference
from tasks.evaluate.report.number_formats import format_interval, format_mean, format_p, format_percent, format_points
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import get_model_title
from tasks.evaluate.results.one_class import find_one_class_fits

MAX_METRICS = 3


@dataclass(frozen=True)
class ScoreRow:
    """A model's scores with one label count."""

    model: str
    scores: list[str]
    interval: str
    """of the first score"""
    is_pretrained: bool
    one_class: str
    """a phrase where fits answer nearly always one class; else empty"""
    without_repeats: str
    """the first score on test texts that are no training texts; empty where no test text is one"""


@dataclass(frozen=True)
class ScoreTable:
    """Scores by label count and model."""

    metrics: list[str]
    groups: list[tuple[str, list[ScoreRow]]]
    """label count in words, empty where nothing is fitted; a row per model"""

    @property
    def has_repeats(self) -> bool:
        """Tell whether there are scores without the test texts that are training texts."""
        return any(row.without_repeats for _, rows in self.groups for row in rows)


def build_score_table(results: BenchmarkResults) -> ScoreTable:
    """Return a row per model under each label count; the first score with its interval."""
    metrics = results.task_type.metrics[:MAX_METRICS]
    groups = []
    for labels in results.label_counts:
        rows = [_build_score_row(results, model, labels, metrics) for model in results.models]
        groups.append((results.describe_budget(labels) if results.task_type.is_fine_tuned else "", rows))
    return ScoreTable([results.metric_title(metric) for metric in metrics], groups)


def _build_score_row(results: BenchmarkResults, model: str, labels: int, metrics: tuple[str, ...]) -> ScoreRow:
    score = results.score_without_repeats(model, labels) if results.repeated_rows.any() else None
    return ScoreRow(
        model=get_model_title(model),
        scores=[_format_score(results, model, labels, metric) for metric in metrics],
        interval=" … ".join(map(format_percent, results.score_interval(model, labels))),
        is_pretrained=model == "pretrained",
        one_class=find_one_class_fits(results, model, labels).describe(),
        without_repeats="" if score is None else format_percent(score),
    )


def _format_score(results: BenchmarkResults, model: str, labels: int, metric: str) -> str:
    score = results.score_spread(model, labels, metric)
    if metric not in results.task_type.unscaled_metrics:
        return format_mean(score)
    mean = results.format_score(metric, score.mean)
    return f"{mean} ± {results.format_score(metric, score.deviation)}" if len(set(score.values)) > 1 else mean


@dataclass(frozen=True)
class DifferenceRow:
    """Difference between the pretrained model and another one, and its significance."""

    model: str
    points: str
    interval: str
    p: str
    verdict: str


def build_difference_table(results: BenchmarkResults) -> list[tuple[str, list[DifferenceRow]]]:
    """Return under each label count, in words, a row per other model; the words are empty where nothing is fitted."""
    groups: dict[int, list[DifferenceRow]] = {labels: [] for labels in results.label_counts}
    for labels, other, difference in results.list_differences():
        groups[labels].append(
            DifferenceRow(
                get_model_title(other),
                format_points(difference.mean),
                format_interval(difference),
                format_p(difference.adjusted_p),
                _format_verdict(difference),
            )
        )
    return [
        (results.describe_budget(labels) if results.task_type.is_fine_tuned else "", rows)
        for labels, rows in groups.items()
    ]


def _format_verdict(difference: Difference) -> str:
    if not difference.sure:
        return "no"
    return "yes, better" if difference.mean > 0 else "yes, worse"


def describe_rule(results: BenchmarkResults) -> str:
    """Return the sentences below the table: what p is, and when a difference is sure."""
    of_mcc = ""
    if results.task_type.unskewed_metric and results.metric != results.task_type.unskewed_metric:
        mcc = results.metric_title(results.task_type.unskewed_metric)
        of_mcc = (
            f" It is the larger p of {results.title} and of {mcc}, which does not change with how often a class is "
            "answered, and 1 where the two disagree about the better model."
        )
    return (
        "A difference is sure where p is below 0.05. p covers both test examples and seeds, and is corrected for all "
        f"{results.num_comparisons:,} comparisons of this report (Holm).{of_mcc} The points are of {results.title}; "
        "below them stands the 95 % interval of this comparison alone."
    )
