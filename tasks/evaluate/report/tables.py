"""The numbers of a benchmark as tables that fit a phone: an interval stands below its score."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.downstream.data.contamination import Contamination
from tasks.downstream.significance import Difference
from tasks.evaluate.report.conclusion import format_mean, format_percent, format_points
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import get_model_title

MAX_METRICS = 3


@dataclass(frozen=True)
class Gain:
    """Points that the pretrained model is above another one."""

    points: str
    is_significant: bool
    interval: str
    rival: str
    """title of the other model"""


@dataclass(frozen=True)
class OverviewRow:
    """A benchmark in the table of all benchmarks."""

    name: str
    metric: str
    overlap: str
    """test texts that overlap with the pretraining text: `3 of 120`"""
    score: str
    interval: str
    over_random: Gain
    over_baseline: Gain | None
    """none where the task type has no baseline"""


def build_overview(results: Sequence[BenchmarkResults], contamination: Contamination) -> list[OverviewRow]:
    """Return a row per benchmark, each of the pretrained model with most labels."""
    rows = []
    for benchmark in results:
        labels, overlap = benchmark.label_counts[-1], contamination.sets[benchmark.task.name]
        baseline = find_best_baseline(benchmark)
        rows.append(
            OverviewRow(
                name=benchmark.task.name,
                metric=benchmark.title,
                overlap=f"{overlap.overlapping:,} of {overlap.texts:,}",
                score=format_percent(benchmark.score_spread("pretrained", labels, benchmark.metric).mean),
                interval=" … ".join(map(format_percent, benchmark.score_interval("pretrained", labels))),
                over_random=_build_gain(benchmark, "random", labels),
                over_baseline=_build_gain(benchmark, baseline, labels) if baseline else None,
            )
        )
    return rows


def find_best_baseline(results: BenchmarkResults) -> str:
    """Return the baseline with the highest score with most labels; empty where the task type has none."""
    labels = results.label_counts[-1]
    baselines = [model for model in results.models if model in results.task_type.baselines]
    return max(baselines, key=lambda model: results.score_spread(model, labels, results.metric).mean, default="")


def _build_gain(results: BenchmarkResults, rival: str, labels: int) -> Gain:
    difference = results.compare_models("pretrained", rival, labels)
    return Gain(
        format_points(difference.mean), difference.sure, _format_point_interval(difference), get_model_title(rival)
    )


@dataclass(frozen=True)
class ScoreRow:
    """A model's scores with one label count."""

    model: str
    scores: list[str]
    interval: str
    """of the first score"""
    is_pretrained: bool


@dataclass(frozen=True)
class ScoreTable:
    """Scores by label count and model."""

    metrics: list[str]
    groups: list[tuple[str, list[ScoreRow]]]
    """label count in words, empty where nothing is fitted; a row per model"""


def build_score_table(results: BenchmarkResults) -> ScoreTable:
    """Return a row per model under each label count; the first score with its interval."""
    metrics = results.task_type.metrics[:MAX_METRICS]
    groups = []
    for labels in results.label_counts:
        rows = [
            ScoreRow(
                get_model_title(model),
                [_format_score(results, model, labels, metric) for metric in metrics],
                " … ".join(map(format_percent, results.score_interval(model, labels))),
                model == "pretrained",
            )
            for model in results.models
        ]
        groups.append((results.describe_budget(labels) if results.task_type.is_fine_tuned else "", rows))
    return ScoreTable([results.metric_title(metric) for metric in metrics], groups)


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
                _format_point_interval(difference),
                # The smallest p value of 2,000 draws is 1 / 2,001, which three decimals would show as 0.000.
                f"{difference.p:.3f}" if difference.p >= 0.001 else "< 0.001",
                _format_verdict(difference),
            )
        )
    return [
        (results.describe_budget(labels) if results.task_type.is_fine_tuned else "", rows)
        for labels, rows in groups.items()
    ]


def _format_point_interval(difference: Difference) -> str:
    return f"{format_points(difference.low)} … {format_points(difference.high)}"


def _format_verdict(difference: Difference) -> str:
    if not difference.sure:
        return "no"
    return "yes" if difference.mean > 0 else "yes, worse"
