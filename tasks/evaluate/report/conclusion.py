"""The result in sentences and in a short table: they open the report and close the terminal's output."""

import itertools
from collections.abc import Sequence
from html import escape

from tasks.downstream.data.contamination import Contamination
from tasks.downstream.significance import Spread
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import (
    LEXICAL_BASELINES,
    MODEL_TITLES,
    TRIVIAL_BASELINES,
    get_model_title,
)
from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import Axes, Marks, chart_as_image, draw_line_chart, make_standalone

# The summary is shown on light and on dark ground, and a chart inside it cannot know on which: so it has a white ground
# and these colours, which are those of the report's light style.
COLORS = {
    "pretrained": "#0b63ce",
    "continued": "#0e7c86",
    "augmented": "#b0307a",
    "unlabelled": "#8250c4",
    "random": "#c2570c",
    "tfidf": "#0f7b55",
    "further": "#b3261e",
    "second-further": "#8a6500",
    "third-further": "#3f4cc9",
    "majority": "#7a8190",
}
CHECKPOINT_COLORS = ("further", "second-further", "third-further")
ADDITIONS = {
    "continued": "Continued pretraining on the task's texts adds",
    "augmented": "Augmented copies of the labelled texts add",
    "unlabelled": "Unlabelled texts add",
}
"""The beginning of the sentence about each variant of the pretrained model."""


def assign_colors(results: BenchmarkResults) -> dict[str, str]:
    """Return the name of every row's color: each group of baselines shares one, checkpoints take turns with three."""
    colors = {model: model for model in MODEL_TITLES}
    colors |= dict.fromkeys(LEXICAL_BASELINES, "tfidf") | dict.fromkeys(TRIVIAL_BASELINES, "majority")
    checkpoints = (model for model in results.models if model not in MODEL_TITLES)
    return colors | dict(zip(checkpoints, itertools.cycle(CHECKPOINT_COLORS), strict=False))


def format_percent(value: float) -> str:
    """Format a ratio in per cent with one decimal."""
    return f"{100 * value:.1f}".replace("-", "\u2212")


def format_points(value: float) -> str:
    """Format a difference in percentage points with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def format_mean(score: Spread) -> str:
    """Format mean and deviation, `56.5 ± 1.2`; without the deviation where all seeds have the same score."""
    mean = format_percent(score.mean)
    return f"{mean} ± {format_percent(score.deviation)}" if len(set(score.values)) > 1 else mean


def describe_result(results: BenchmarkResults) -> str:
    """Return the result in sentences; `**` marks what is emphasised."""
    max_labels = results.label_counts[-1]
    budget = f"With {results.describe_budget(max_labels)}" if results.task_type.is_fine_tuned else "Without fine-tuning"
    score = format_mean(results.score_spread("pretrained", max_labels, results.metric))
    sentences = [
        f"{budget} the pretrained model reaches **{score} %** {results.title} on test.",
        _describe_gain_of_pretraining(results),
    ]
    for model, beginning in ADDITIONS.items():
        if model in results.models:
            gains = [(labels, results.compare_models(model, "pretrained", labels)) for labels in results.label_counts]
            phrase = ", ".join(
                f"{format_points(gain.mean)} points with {results.describe_budget(labels)}" for labels, gain in gains
            )
            doubt = "" if any(gain.sure for _, gain in gains) else ", none of it significant"
            sentences.append(f"{beginning} {phrase}{doubt}.")
    rivals = [model for model in results.models if model in LEXICAL_BASELINES or model not in MODEL_TITLES]
    sentences += [_compare_with_rival(results, rival, max_labels) for rival in rivals]
    sentences += [f"The checkpoint {name} is left out: {reason}." for name, reason in results.left_out.items()]
    return " ".join(sentences)


def _describe_gain_of_pretraining(results: BenchmarkResults) -> str:
    num_seeds = len(results.select_fits("pretrained", results.label_counts[-1]))
    gains = [(labels, results.compare_models("pretrained", "random", labels)) for labels in results.label_counts]
    phrase = ", ".join(
        f"{format_points(gain.mean)} points"
        + (f" with {results.describe_budget(labels)}" if results.task_type.is_fine_tuned else "")
        for labels, gain in gains
    )
    if all(gain.sure and gain.mean > 0 for _, gain in gains):
        verdict = f"**Pretraining helps**, by more than the spread over {num_seeds} seeds"
    elif not any(gain.sure for _, gain in gains):
        verdict = "**No significant difference**"
    elif all(gain.mean > 0 for _, gain in gains):
        verdict = f"Pretraining seems to help, but not everywhere by more than the spread over {num_seeds} seeds"
    else:
        verdict = "**Pretraining does not help everywhere**"
    return f"{verdict}: the difference from the same model with random initial weights is {phrase}."


def _compare_with_rival(results: BenchmarkResults, rival: str, labels: int) -> str:
    difference = results.compare_models("pretrained", rival, labels)
    size = f"{abs(100 * difference.mean):.1f}"
    # By the printed size: a difference that is shown as 0.0 is called level.
    side = f"{size} points {'above' if difference.mean > 0 else 'below'}" if float(size) else "level with"
    rival_type = "baseline" if rival in LEXICAL_BASELINES else "checkpoint"
    score = format_percent(results.score_spread(rival, labels, results.metric).mean)
    return f"The {rival_type} {get_model_title(rival)} reaches {score} %: the model is {side} it."


def list_score_lines(results: BenchmarkResults, colors: dict[str, str]) -> list[Marks]:
    """Return a line per model for a chart: the compared score in per cent, by label count."""
    lines, color_names = [], assign_colors(results)
    for model in results.models:
        spreads = [results.score_spread(model, labels, results.metric) for labels in results.label_counts]
        lines.append(
            Marks(
                get_model_title(model),
                colors[color_names[model]],
                [(x, 100 * spread.mean) for x, spread in zip(results.axis_positions, spreads, strict=True)],
                deviations=[100 * spread.deviation for spread in spreads],
                dashed=model in LEXICAL_BASELINES + TRIVIAL_BASELINES,
            )
        )
    return lines


def build_score_axes(results: BenchmarkResults) -> Axes:
    """Return the axes of a chart of the compared score by label count."""
    return Axes(
        results.task_type.label_unit,
        f"{results.title}, %",
        results.axis_ticks,
        log_x=True,
        min_y=100 * results.min_score,
        max_y=100,
    )


def render_summary(results: Sequence[BenchmarkResults], contamination: Contamination) -> str:
    """Render the short table in Markdown, with a small chart; the terminal and the Prefect UI show it."""
    parts = []
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
