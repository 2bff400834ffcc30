"""The result as Markdown: it closes the terminal's output, and the Prefect UI shows it."""

from collections.abc import Sequence
from html import escape

from tasks.downstream.data.contamination import Contamination
from tasks.evaluate.report.conclusion import describe_outcomes, describe_result
from tasks.evaluate.report.number_formats import format_mean
from tasks.evaluate.report.score_lines import COLORS, build_score_axes, list_score_lines
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import get_model_title
from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import chart_as_image, draw_line_chart, make_standalone


def render_summary(results: Sequence[BenchmarkResults], contamination: Contamination) -> str:
    """Render the short table in Markdown, with a small chart; the terminal and the Prefect UI show it."""
    parts = [describe_outcomes(results)] if len(results) > 1 else []
    for benchmark in results:
        head = [
            f"{benchmark.title}, %",
            *(benchmark.describe_budget(labels) for labels in benchmark.label_counts),
        ]
        rows = []
        for model in benchmark.models:
            spreads = [benchmark.score_spread(model, labels, benchmark.metric) for labels in benchmark.label_counts]
            rows.append([get_model_title(model), *map(format_mean, spreads)])
        # Markdown passes HTML on to the page, and the reasons in the sentences may quote a user's file
        sentences = escape(describe_result(benchmark), quote=False)
        parts += [f"### {benchmark.task.name}", sentences, render_markdown_table(head, rows, alignment="l")]
        if benchmark.task_type.is_fine_tuned:
            chart = draw_line_chart(list_score_lines(benchmark, COLORS), build_score_axes(benchmark))
            parts.append(chart_as_image(make_standalone(chart), f"{benchmark.title} by label count"))
    parts.append(
        f"Held-out documents that are in the pretraining text: {contamination.shared_ids} of "
        f"{contamination.heldout_documents:,}; that share a 13-token sequence with it: "
        f"{contamination.overlapping_documents:,}. Test texts that share one: {format_overlaps(contamination)}."
    )
    return "\n\n".join(parts) + "\n"


def format_overlaps(contamination: Contamination) -> str:
    """List the test sets with texts that overlap with the pretraining text: `sst2 3 of 120, stsb 1 of 90`, or none."""
    overlaps = [(name, overlap) for name, overlap in contamination.sets.items() if overlap.overlapping]
    return ", ".join(f"{name} {overlap.overlapping:,} of {overlap.texts:,}" for name, overlap in overlaps) or "none"
