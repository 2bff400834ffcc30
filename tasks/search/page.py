"""A search on one page: the trials as a picture and a table, and the best settings as a recipe."""

from collections.abc import Sequence
from typing import Any

import yaml

from tasks.plot import BLUE, GREY, RED, Marks, Panel, as_image, picture
from tasks.search.space import Dimension
from tasks.search.study import Tried

MOST_ROWS = 50


def best_of(trials: Sequence[Tried]) -> Tried | None:
    """The one with the lowest loss; of equal ones the first."""
    return min((each for each in trials if each.loss is not None), key=lambda each: each.loss or 0.0, default=None)


def snippet(params: dict[str, Any]) -> str:
    """The values as a recipe file."""
    tree: dict[str, Any] = {}
    for path, value in params.items():
        *groups, name = path.split(".")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def drawn(trials: Sequence[Tried], dimensions: Sequence[Dimension]) -> str:
    """An SVG: the loss of each trial, the curves of all, and the loss over each setting."""
    whole = [each for each in trials if each.loss is not None]
    losses = [(float(each.number), each.loss or 0.0) for each in whole]
    lowest = [(number, min(loss for _, loss in losses[: place + 1])) for place, (number, _) in enumerate(losses)]
    best = best_of(trials)
    colours = {each.number: GREY if each.loss is None else BLUE for each in trials} | {best.number if best else 0: RED}
    # the best is drawn last, above the others
    curves = [
        Marks("", colours[each.number], each.curve)
        for each in sorted(trials, key=lambda each: (each is best, -each.number))
    ]
    panels = [
        Panel("validation loss by trial", [Marks("lowest", RED, lowest), Marks("trial", BLUE, losses, True, False)]),
        Panel("validation loss by share of the run, %", curves),
    ]
    return picture([*panels, *(_over(each, whole) for each in dimensions)])


def _over(dimension: Dimension, whole: Sequence[Tried]) -> Panel:
    names = [str(value) for value in dimension.values] if dimension.kind == "choice" else []
    values = [each.params[dimension.path] for each in whole]
    places = [float(dimension.values.index(value)) if names else float(value) for value in values]
    points = [(place, each.loss or 0.0) for place, each in zip(places, whole, strict=True)]
    return Panel(dimension.path, [Marks("", BLUE, points, True, False)], log_x=dimension.kind == "log", names=names)


def page(trials: Sequence[Tried], dimensions: Sequence[Dimension]) -> str:
    """Markdown of the whole."""
    best = best_of(trials)
    parts = [as_image(drawn(trials, dimensions), "the trials of a search")]
    if best is not None:
        parts += [
            f"Best: trial {best.number}, validation loss {best.loss:.4f}.",
            f"```yaml\n{snippet(best.params)}```",
        ]
    return "\n\n".join([*parts, _table(trials, dimensions)]) + "\n"


def _table(trials: Sequence[Tried], dimensions: Sequence[Dimension]) -> str:
    paths = [each.path for each in dimensions]
    ranked = sorted(trials, key=lambda each: (each.loss is None, each.loss or 0.0, each.number))[:MOST_ROWS]
    rows = [("trial", "validation loss", *paths), tuple("---" for _ in range(len(paths) + 2))]
    rows += [(str(each.number), outcome(each), *(_value(each.params[path]) for path in paths)) for each in ranked]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def outcome(trial: Tried) -> str:
    """How a trial ended, in a word."""
    if trial.loss is not None:
        return f"{trial.loss:.4f}"
    if trial.failure:
        return f"failed: {trial.failure}".replace("|", "/").replace("\n", " ")
    return f"ended early at {trial.curve[-1][0]:g} %, {trial.curve[-1][1]:.4f}"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
