"""The report as one HTML page without anything from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.downstream.data.contamination import Contamination
from tasks.evaluate.report.benchmark_section import Chart, build_section, draw_chart
from tasks.evaluate.report.conclusion import describe_outcomes
from tasks.evaluate.report.overview import build_overview
from tasks.evaluate.report.provenance import Ancestor, FunnelStep, LossCurve
from tasks.evaluate.report.rendering import render_template
from tasks.evaluate.report.samples import RuleSamples
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.svg_charts import Axes, Marks


@dataclass(frozen=True)
class ReportData:
    """Everything that the report shows."""

    results: Sequence[BenchmarkResults]
    groups: dict[str, list[dict[str, Any]]]
    """scores by group, by benchmark"""
    attributions: dict[str, list[dict[str, Any]]]
    """examples with their attributions, by benchmark"""
    contamination: Contamination
    crawl: Sequence[tuple[str, str]]
    funnel: Sequence[FunnelStep]
    rules: Sequence[RuleSamples]
    loss: LossCurve
    training_curves: Sequence[str]
    """the other curves of pretraining, an HTML image each"""
    ancestors: Sequence[Ancestor]
    settings: Sequence[str]
    versions: dict[str, str]
    model: Sequence[tuple[str, str]]
    """name and value of the model's architecture and sizes"""
    copies_texts: bool = True
    """whether mistakes are shown with their texts, and not only with their places"""
    incomplete: Sequence[str] = ()
    """ancestors that lacked something when the model was built on them"""


def render_report(data: ReportData) -> str:
    """Render the page; the same data give the same bytes."""
    sections = [
        build_section(
            results,
            data.groups[results.task.name],
            data.attributions.get(results.task.name, []),
            copies_texts=data.copies_texts,
        )
        for results in data.results
    ]
    return render_template(
        "report.html",
        data=data,
        sections=sections,
        overview=build_overview(data.results, data.contamination) if len(sections) > 1 else [],
        outcomes=describe_outcomes(data.results),
        num_comparisons=data.results[0].num_comparisons,
        loss_chart=_build_loss_chart(data.loss),
        max_funnel_count=max([1, *(step.num_documents for step in data.funnel)]),
    )


def _build_loss_chart(loss: LossCurve) -> Chart:
    lines = [
        Marks("training", "var(--majority)", loss.training),
        Marks("validation", "var(--pretrained)", loss.validation),
    ]
    last = f" Last validation loss {loss.validation[-1][1]:.3f}." if loss.validation else ""
    shown = [marks for marks in lines if marks.points]
    return draw_chart(shown, Axes("step", "loss, nats per token"), f"Cross-entropy during pretraining.{last}")
