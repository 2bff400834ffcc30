"""The scores as lines of a chart, and the color of each model."""

import itertools

from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import (
    LEXICAL_BASELINES,
    MODEL_TITLES,
    TRIVIAL_BASELINES,
    get_model_title,
)
from tasks.svg_charts import Axes, Marks

# The summary is shown on light and on dark ground, and a chart inside it cannot know on which: so it has a white ground
# and these colours, which are those of the report's light style.
COLORS = {
    "pretrained": "#0b63ce",
    "continued": "#0e7c86",
    "augmented": "#b0307a",
    "unlabelled": "#8250c4",
    "prompted": "#5d6f12",
    "random": "#c2570c",
    "tfidf": "#0f7b55",
    "further": "#b3261e",
    "second-further": "#8a6500",
    "third-further": "#3f4cc9",
    "majority": "#7a8190",
}
CHECKPOINT_COLORS = ("further", "second-further", "third-further")


def assign_colors(results: BenchmarkResults) -> dict[str, str]:
    """Return the name of every row's color: each group of baselines shares one, checkpoints take turns with three."""
    colors = {model: model for model in MODEL_TITLES}
    colors |= dict.fromkeys(LEXICAL_BASELINES, "tfidf") | dict.fromkeys(TRIVIAL_BASELINES, "majority")
    checkpoints = (model for model in results.models if model not in MODEL_TITLES)
    return colors | dict(zip(checkpoints, itertools.cycle(CHECKPOINT_COLORS), strict=False))


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
