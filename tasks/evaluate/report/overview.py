"""The table of all benchmarks: scores with every label count, and the lead over other models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.downstream.data.contamination import Contamination
from tasks.evaluate.report.conclusion import find_best_baseline
from tasks.evaluate.report.number_formats import format_interval, format_percent, format_points
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import MODEL_TITLES, get_model_title


@dataclass(frozen=True)
class Lead:
    """Points that the pretrained model is above another one."""

    points: str
    outcome: Literal["gain", "loss", "unsure"]
    interval: str
    rival: str
    """title of the other model"""
    rival_score: str


@dataclass(frozen=True)
class OverviewRow:
    """A label count of a benchmark."""

    budget: str
    score: str
    interval: str
    over_random: Lead | None
    over_baseline: Lead | None
    """over the best baseline or random weights; none where there is neither"""
    over_checkpoints: list[Lead]
    """over each further checkpoint that answers the benchmark"""


@dataclass(frozen=True)
class OverviewGroup:
    """A benchmark, with a row for each label count."""

    name: str
    metric: str
    remarks: list[str]
    """what there is to know of its test texts: `3 of 120 texts seen`"""
    rows: list[OverviewRow]


def build_overview(results: Sequence[BenchmarkResults], contamination: Contamination) -> list[OverviewGroup]:
    """Return a group for each benchmark, with a row of the pretrained model for each label count."""
    return [
        OverviewGroup(
            name=benchmark.task.name,
            metric=benchmark.title,
            remarks=_list_remarks(benchmark, contamination),
            rows=[_build_row(benchmark, labels) for labels in benchmark.label_counts],
        )
        for benchmark in results
    ]


def _list_remarks(results: BenchmarkResults, contamination: Contamination) -> list[str]:
    overlap = contamination.sets[results.task.name]
    remarks = [f"{overlap.overlapping:,} of {overlap.texts:,} texts seen"] if overlap.overlapping else []
    if num_repeated := int(results.repeated_rows.sum()):
        remarks.append(f"{num_repeated:,} are training texts")
    return remarks


def _build_row(results: BenchmarkResults, labels: int) -> OverviewRow:
    baseline = find_best_baseline(results, labels)
    checkpoints = [model for model in results.models if model not in MODEL_TITLES]
    return OverviewRow(
        budget=results.describe_budget(labels),
        score=format_percent(results.score_spread("pretrained", labels, results.metric).mean),
        interval=" … ".join(map(format_percent, results.score_interval("pretrained", labels))),
        over_random=_build_lead(results, "random", labels) if "random" in results.models else None,
        over_baseline=_build_lead(results, baseline, labels) if baseline else None,
        over_checkpoints=[_build_lead(results, checkpoint, labels) for checkpoint in checkpoints],
    )


def _build_lead(results: BenchmarkResults, rival: str, labels: int) -> Lead:
    difference = results.compare_with(rival, labels)
    outcome: Literal["gain", "loss", "unsure"] = "unsure"
    if difference.sure:
        outcome = "gain" if difference.mean > 0 else "loss"
    score = format_percent(results.score_spread(rival, labels, results.metric).mean)
    return Lead(format_points(difference.mean), outcome, format_interval(difference), get_model_title(rival), score)
