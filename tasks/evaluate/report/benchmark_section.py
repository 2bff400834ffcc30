"""The report's section about one benchmark: the conclusion, the scores, the charts, the mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.downstream.data.task_data import ORIGIN
from tasks.downstream.metrics.classes import confusion_matrix
from tasks.evaluate.report.attribution_texts import AttributedExample, group_attributions
from tasks.evaluate.report.conclusion import describe_result
from tasks.evaluate.report.confusion import draw_confusion
from tasks.evaluate.report.groups import GroupTable, build_group_table
from tasks.evaluate.report.number_formats import format_percent
from tasks.evaluate.report.score_lines import COLORS, assign_colors, build_score_axes, list_score_lines
from tasks.evaluate.report.tables import (
    DifferenceRow,
    ScoreTable,
    build_difference_table,
    build_score_table,
    describe_rule,
)
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import get_model_title
from tasks.svg_charts import Axes, Marks, Scale, draw_line_chart

MAX_MISTAKES = 6
# A confusion matrix of more classes cannot be read.
MAX_CLASSES = 20
MAX_MISTAKE_CHARACTERS = 320
PAGE_COLORS = {name: f"var(--{name})" for name in COLORS}
"""The colors as variables of report.css, which has a light and a dark value of each."""


@dataclass(frozen=True)
class Chart:
    """A drawing with its legend and its caption."""

    svg: str
    """empty where there is nothing to draw"""
    legend: list[tuple[str, str]]
    """color and name"""
    caption: str


@dataclass(frozen=True)
class IntervalBar:
    """A score with its interval; the numbers are positions in per cent of the bar's width."""

    name: str
    color: str
    start: float
    width: float
    score_position: float
    zero: float
    score: str


@dataclass(frozen=True)
class Mistake:
    """A test example that the model answers wrongly."""

    predicted: str
    truth: str
    origin: str
    text: str


@dataclass(frozen=True)
class BenchmarkSection:
    """Everything that the section shows."""

    name: str
    about: str
    is_fine_tuned: bool
    sizes: str
    """the numbers of examples: `100 train, 20 validation, 30 test`"""
    title: str
    """of the compared score"""
    conclusion: str
    scores: ScoreTable
    score_chart: Chart | None
    """of several label counts"""
    intervals: list[IntervalBar]
    """of a single label count"""
    differences: list[tuple[str, list[DifferenceRow]]]
    rule: str
    """when a difference is sure"""
    groups: GroupTable
    training_chart: Chart | None
    """none where nothing is fitted"""
    confusion: Chart | None
    """none where the answer is no class, or there are too many"""
    attributions: list[tuple[str, list[AttributedExample]]]
    mistakes: list[Mistake]
    """none where there are attributions, which show mistakes too"""
    has_confidence: bool
    """the mistakes are the most confident ones, else the first ones"""


def build_section(
    results: BenchmarkResults,
    scored_groups: list[dict[str, Any]],
    attributions: list[dict[str, Any]],
    *,
    copies_texts: bool,
) -> BenchmarkSection:
    """Compute the section; `scored_groups` are scores by group, `attributions` examples with their attributions.

    Without `copies_texts` mistakes are shown by their places only, and not at all where the answers are texts too.
    """
    has_mistakes = not attributions and (copies_texts or not results.task_type.copies_texts)
    has_curve = len(results.label_counts) > 1
    return BenchmarkSection(
        name=results.task.name,
        about=results.task.about,
        is_fine_tuned=results.task_type.is_fine_tuned,
        sizes=", ".join(f"{len(part):,} {name}" for name, part in results.task.parts.items()),
        title=results.title,
        conclusion=describe_result(results),
        scores=build_score_table(results),
        score_chart=_build_score_chart(results) if has_curve else None,
        intervals=[] if has_curve else _build_interval_bars(results),
        differences=build_difference_table(results),
        rule=describe_rule(results),
        groups=build_group_table(results, scored_groups),
        training_chart=_build_training_chart(results) if results.task_type.is_fine_tuned else None,
        confusion=_build_confusion(results),
        attributions=group_attributions(attributions),
        mistakes=list_mistakes(results, copies_texts=copies_texts) if has_mistakes else [],
        has_confidence="confidence" in results.example_fit.answers,
    )


def draw_chart(lines: list[Marks], axes: Axes, caption: str) -> Chart:
    """Draw lines with their legend."""
    return Chart(draw_line_chart(lines, axes), [(marks.color, marks.name) for marks in lines], caption)


def _build_score_chart(results: BenchmarkResults) -> Chart:
    caption = "Mean over seeds; the bands are one standard deviation up and down."
    return draw_chart(list_score_lines(results, PAGE_COLORS), build_score_axes(results), caption)


def _build_interval_bars(results: BenchmarkResults) -> list[IntervalBar]:
    (labels,), colors = results.label_counts, assign_colors(results)
    rows = []
    for model in results.models:
        mean = results.score_spread(model, labels, results.metric).mean
        low, high = results.score_interval(model, labels)
        rows.append((get_model_title(model), PAGE_COLORS[colors[model]], low, mean, high))
    return scale_intervals(rows)


def scale_intervals(rows: Sequence[tuple[str, str, float, float, float]]) -> list[IntervalBar]:
    """Place rows of name, color, low, score and high on one scale that includes zero."""
    # 0 is on the scale even where all scores are high: bars that begin elsewhere exaggerate differences.
    scale = Scale(min(0.0, *(low for _, _, low, _, _ in rows)), max(0.0, *(high for *_, high in rows)), 0, 100)
    return [
        IntervalBar(name, color, scale(low), scale(high) - scale(low), scale(score), scale(0), format_percent(score))
        for name, color, low, score, high in rows
    ]


def _build_training_chart(results: BenchmarkResults) -> Chart:
    max_labels, lines, rates = results.label_counts[-1], [], []
    for model in ("pretrained", "random"):
        # All curves have as many points; those of fits that ended early cover fewer steps, so steps are averaged too.
        points_by_seed = zip(*(fit.curve for fit in results.select_fits(model, max_labels)), strict=False)
        curve = [
            (float(np.mean([step for step, _ in points])), sum(loss for _, loss in points) / len(points))
            for points in points_by_seed
        ]
        lines.append(Marks(get_model_title(model), PAGE_COLORS[model], curve))
        chosen = [results.select_fits(model, labels)[0].chosen["learning rate"] for labels in results.label_counts]
        rates.append(f"{get_model_title(model)} {', '.join(f'{rate:g}' for rate in chosen)}")
    counts = ", ".join(map(results.format_label_count, results.label_counts))
    caption = (
        f"Mean over seeds, {results.describe_budget(max_labels)}. Learning rates chosen on validation with {counts} "
        f"labels: {'; '.join(rates)}."
    )
    return draw_chart(lines, Axes("step", "training loss"), caption)


def _build_confusion(results: BenchmarkResults) -> Chart | None:
    max_labels, names = results.label_counts[-1], results.task.names
    if "label" not in results.task.test or len(names) > MAX_CLASSES:
        return None
    truth = results.task.test["label"].to_numpy().astype(np.int64)
    fits = results.select_fits("pretrained", max_labels)
    counts = np.zeros((len(names), len(names)), np.int64)
    for fit in fits:
        counts += confusion_matrix(truth, fit.answers["predicted"].to_numpy().astype(np.int64), len(names))
    caption = (
        f"Pretrained, {results.describe_budget(max_labels)}, all {len(fits)} seeds together. Row: true class; column: "
        "predicted class; per cent of the row."
    )
    return Chart(draw_confusion(counts, names), [], caption)


def list_mistakes(results: BenchmarkResults, *, copies_texts: bool) -> list[Mistake]:
    """List the most confident wrong answers; where the model gives no confidence, the first ones.

    Without `copies_texts` their texts are empty.
    """
    answers = results.example_fit.answers
    if "confidence" in answers:
        answers = answers.sort(["confidence", "row"], descending=[True, False])
    mistakes: list[Mistake] = []
    for answer in answers.iter_rows(named=True):
        row = results.task.test.row(answer["row"], named=True)
        truth = results.task_type.format_truth(results.task, row)
        predicted = results.task_type.format_answer(results.task, answer)
        if predicted != truth:
            text = shorten_text(results.task_type.format_question(row)) if copies_texts else ""
            mistakes.append(Mistake(predicted, truth, row[ORIGIN], text))
            if len(mistakes) == MAX_MISTAKES:
                break
    return mistakes


def shorten_text(text: str) -> str:
    """Return the beginning of a text without empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    return lines if len(lines) <= MAX_MISTAKE_CHARACTERS else lines[:MAX_MISTAKE_CHARACTERS].rstrip() + "…"
