"""A search on one page: the trials as a picture and a table, and the best settings as a recipe."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import yaml

from tasks.runtime.markdown import render_markdown_table
from tasks.search.settings import Search
from tasks.search.space import Dimension
from tasks.search.study import Tried
from tasks.svg_charts import BLUE, GREY, RED, Marks, Panel, chart_as_image, render_chart

MOST_ROWS = 50


def ranked(trials: Sequence[Tried], search: Search) -> list[Tried]:
    """Those that ran to their end, the best first; of equal ones the first of all."""
    sign = -1 if search.is_of_fits else 1
    whole = [each for each in trials if each.value is not None]
    return sorted(whole, key=lambda each: (sign * (each.value or 0.0), each.number))


def snippet(values: dict[str, Any]) -> str:
    """Settings by their paths as a recipe file."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *groups, name = path.split(".")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def drawn(trials: Sequence[Tried], search: Search) -> str:
    """An SVG: the metric of each trial, the curves of all, and the metric over each setting."""
    whole = [each for each in trials if each.value is not None]
    values = [(float(each.number), each.value or 0.0) for each in whole]
    records = accumulate((value for _, value in values), max if search.is_of_fits else min)
    best = next(iter(ranked(trials, search)), None)
    colours = {each.number: GREY if each.value is None else BLUE for each in trials} | {best.number if best else 0: RED}
    # the best is drawn last, above the others
    curves = [
        Marks("", colours[each.number], each.curve)
        for each in sorted(trials, key=lambda each: (each is best, -each.number))
    ]
    so_far = [(number, record) for (number, _), record in zip(values, records, strict=True)]
    panels = [
        Panel(f"{search.metric} by trial", [Marks("best", RED, so_far), Marks("trial", BLUE, values, True, False)]),
        Panel(f"{search.metric} by share of the run, %", curves),
    ]
    return render_chart([*panels, *(_over(each, whole) for each in search.dimensions())])


def _over(dimension: Dimension, whole: Sequence[Tried]) -> Panel:
    names = [str(value) for value in dimension.values] if dimension.kind == "choice" else []
    values = [each.params[dimension.path] for each in whole]
    places = [float(dimension.values.index(value)) if names else float(value) for value in values]
    points = [(place, each.value or 0.0) for place, each in zip(places, whole, strict=True)]
    return Panel(dimension.path, [Marks("", BLUE, points, True, False)], log_x=dimension.kind == "log", names=names)


def page(trials: Sequence[Tried], search: Search, recipe: str, about: str) -> str:
    """Markdown of the whole: with the best settings as a `recipe`, and what is to be said `about` the metric."""
    best = next(iter(ranked(trials, search)), None)
    parts = [chart_as_image(drawn(trials, search), "the trials of a search")]
    if best is not None:
        parts += [f"Best: trial {best.number}, {search.metric} {best.value:.4f}.", f"```yaml\n{recipe}```"]
    return "\n\n".join([*parts, *([about] if about else []), _table(trials, search)]) + "\n"


def _table(trials: Sequence[Tried], search: Search) -> str:
    paths = [each.path for each in search.dimensions()]
    others = [each for each in trials if each.value is None]
    rows = [
        (str(each.number), outcome(each), *(_value(each.params[path]) for path in paths))
        for each in [*ranked(trials, search), *others][:MOST_ROWS]
    ]
    return render_markdown_table(("trial", search.metric, *paths), rows, alignment="l")


def outcome(trial: Tried) -> str:
    """How a trial ended, in a word."""
    if trial.value is not None:
        return f"{trial.value:.4f}"
    if trial.failure:
        return f"failed: {trial.failure}".replace("\n", " ")
    return f"ended early at {trial.curve[-1][0]:g} %, {trial.curve[-1][1]:.4f}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
