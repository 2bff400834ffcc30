"""The summary of a study: a chart and a table of its trials, and the best settings as a recipe."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import yaml

from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import BLUE, GREY, RED, Marks, Panel, chart_as_image, render_chart
from tasks.tuning.settings import Tuning
from tasks.tuning.space import Dimension
from tasks.tuning.study import TrialResult

MAX_TABLE_ROWS = 50


def rank_trials(trials: Sequence[TrialResult], tuning: Tuning) -> list[TrialResult]:
    """Return the trials that ran to their end, the best first; of equal ones the earliest first."""
    # Scores should be high and losses low; the sort is ascending.
    sign = -1 if tuning.is_finetuning else 1
    complete = [trial for trial in trials if trial.value is not None]
    return sorted(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def render_recipe(values: dict[str, Any]) -> str:
    """Return settings by their paths as the text of a recipe file."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        # pretrain.optimizer.learning_rate becomes three nested mappings.
        *groups, name = path.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def render_chart_of_trials(trials: Sequence[TrialResult], tuning: Tuning) -> str:
    """Return an SVG: the metric of each trial, the curves of all, and the metric over each tuned setting."""
    complete = [trial for trial in trials if trial.value is not None]
    values = [(float(trial.number), trial.value or 0.0) for trial in complete]
    records = accumulate((value for _, value in values), max if tuning.is_finetuning else min)
    best = next(iter(rank_trials(trials, tuning)), None)
    colours = {trial.number: GREY if trial.value is None else BLUE for trial in trials}
    colours |= {best.number if best else 0: RED}
    # the best is drawn last, above the others
    curves = [
        Marks("", colours[trial.number], trial.curve)
        for trial in sorted(trials, key=lambda trial: (trial is best, -trial.number))
    ]
    best_so_far = [(number, record) for (number, _), record in zip(values, records, strict=True)]
    panels = [
        Panel(
            f"{tuning.metric} by trial", [Marks("best", RED, best_so_far), Marks("trial", BLUE, values, True, False)]
        ),
        Panel(f"{tuning.metric} by percentage of the run", curves),
    ]
    return render_chart([*panels, *(_plot_dimension(dimension, complete) for dimension in tuning.dimensions())])


def _plot_dimension(dimension: Dimension, complete: Sequence[TrialResult]) -> Panel:
    names = [str(value) for value in dimension.values] if dimension.kind == "choice" else []
    values = [trial.params[dimension.path] for trial in complete]
    positions = [float(dimension.values.index(value)) if names else float(value) for value in values]
    points = [(position, trial.value or 0.0) for position, trial in zip(positions, complete, strict=True)]
    return Panel(dimension.path, [Marks("", BLUE, points, True, False)], log_x=dimension.kind == "log", names=names)


def render_page(trials: Sequence[TrialResult], tuning: Tuning, recipe: str, metric_note: str) -> str:
    """Return the summary as Markdown, with the best settings as a `recipe` and a note on the metric."""
    best = next(iter(rank_trials(trials, tuning)), None)
    sections = [chart_as_image(render_chart_of_trials(trials, tuning), "the trials of a study")]
    if best is not None:
        sections += [f"Best: trial {best.number}, {tuning.metric} {best.value:.4f}.", f"```yaml\n{recipe}```"]
    return "\n\n".join([*sections, *([metric_note] if metric_note else []), _render_table(trials, tuning)]) + "\n"


def _render_table(trials: Sequence[TrialResult], tuning: Tuning) -> str:
    paths = [dimension.path for dimension in tuning.dimensions()]
    incomplete = [trial for trial in trials if trial.value is None]
    rows = [
        (str(trial.number), describe_outcome(trial), *(_format_value(trial.params[path]) for path in paths))
        for trial in [*rank_trials(trials, tuning), *incomplete][:MAX_TABLE_ROWS]
    ]
    return render_markdown_table(("trial", tuning.metric, *paths), rows, alignment="l")


def describe_outcome(trial: TrialResult) -> str:
    """Return a trial's metric, or why it has none."""
    if trial.value is not None:
        return f"{trial.value:.4f}"
    if trial.failure:
        return f"failed: {trial.failure}".replace("\n", " ")
    return f"stopped early at {trial.curve[-1][0]:g} %, {trial.curve[-1][1]:.4f}"


def _format_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
