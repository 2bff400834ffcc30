"""The result in words and in a short table: what opens the report and closes the terminal's output."""

import itertools
from collections.abc import Sequence
from html import escape

from tasks.downstream.data.contamination import Contamination
from tasks.downstream.significance import Spread
from tasks.evaluate.report import charts
from tasks.evaluate.results.scoreboard import BLIND, LEARNT, TITLES, Scoreboard, title_of
from tasks.svg_charts import chart_as_image

# The summary is shown on light and on dark ground, and a picture inside it cannot know on which: so it brings its own.
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
ADDED = {
    "continued": "Pretraining that went on with the task's text adds",
    "augmented": "Altered copies of the labelled texts add",
    "unlabelled": "Unlabelled texts add",
}


FURTHER = ("further", "second-further", "third-further")


def colors_of(board: Scoreboard) -> dict[str, str]:
    """The name of every row's color: baselines of all kinds share two, further checkpoints take turns with three."""
    own = {model: "tfidf" if model in LEARNT else "majority" if model in BLIND else model for model in TITLES}
    others = (model for model in board.models if model not in TITLES)
    return own | dict(zip(others, itertools.cycle(FURTHER), strict=False))


def percent(value: float) -> str:
    """A share with one decimal."""
    return f"{100 * value:.1f}".replace("-", "\u2212")


def points(value: float) -> str:
    """A difference in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\u2212")


def with_spread(score: Spread) -> str:
    """`56.5 ± 1.2`; without the deviation where all values are one, as those of a model that is taken as it is."""
    return f"{percent(score.mean)} ± {percent(score.deviation)}" if len(set(score.values)) > 1 else percent(score.mean)


def answer(board: Scoreboard) -> str:
    """The result in sentences."""
    most = board.label_counts[-1]
    seeds = len(board.of("pretrained", most))
    reached = with_spread(board.spread("pretrained", most, board.metric))
    said = [f"With {board.budget(most)} the pretrained model reaches <b>{reached} %</b> {board.title} on test."]
    verdicts = [(labels, board.difference("pretrained", "random", labels)) for labels in board.label_counts]
    gains = ", ".join(
        f"{points(gap.mean)} points" + (f" with {board.budget(labels)}" if board.kind.is_fine_tuned else "")
        for labels, gap in verdicts
    )
    if all(gap.sure and gap.mean > 0 for _, gap in verdicts):
        verdict = f"<b>Pretraining helps</b>, by more than the spread over {seeds} seeds"
    elif not any(gap.sure for _, gap in verdicts):
        verdict = "<b>No sure difference</b>"
    elif all(gap.mean > 0 for _, gap in verdicts):
        verdict = f"Pretraining seems to help, but not everywhere by more than the spread over {seeds} seeds"
    else:
        verdict = "<b>Pretraining does not help everywhere</b>"
    said.append(f"{verdict}: against the same model from random weights it makes {gains}.")
    for model, what in ADDED.items():
        if model in board.models:
            added = [(labels, board.difference(model, "pretrained", labels)) for labels in board.label_counts]
            gains = ", ".join(f"{points(gap.mean)} points with {board.budget(labels)}" for labels, gap in added)
            sure = "" if any(gap.sure for _, gap in added) else ", none of it sure"
            said.append(f"{what} to it {gains}{sure}.")
    for rival in (model for model in board.models if model in LEARNT or model not in TITLES):
        gap = board.difference("pretrained", rival, most)
        size = f"{abs(100 * gap.mean):.1f}"
        side = f"{size} points {'above' if gap.mean > 0 else 'below'}" if float(size) else "level with"
        called = f"{'baseline' if rival in LEARNT else 'checkpoint'} {title_of(rival)}"
        reached = percent(board.spread(rival, most, board.metric).mean)
        said.append(f"The {called} reaches {reached} %: the model is {side} it.")
    said += [f"The checkpoint {escape(name)} is left out: {escape(why)}." for name, why in board.left_out.items()]
    return " ".join(said)


def score_series(board: Scoreboard, colors: dict[str, str]) -> list[charts.Series]:
    """One line per model: the compared score in per cent, by label count."""
    series, named = [], colors_of(board)
    for model in board.models:
        spreads = [board.spread(model, labels, board.metric) for labels in board.label_counts]
        line = [(at, 100 * each.mean) for at, each in zip(board.sizes, spreads, strict=True)]
        deviations = [100 * each.deviation for each in spreads]
        color, dashed = colors[named[model]], model in LEARNT + BLIND
        series.append(charts.Series(title_of(model), color, line, deviations, dashed=dashed))
    return series


def score_axes(board: Scoreboard) -> charts.Axes:
    """Of a drawing of the compared score by label count."""
    return charts.Axes(
        board.kind.label_unit, f"{board.title}, %", board.ticks, log_x=True, lowest=100 * board.lowest, highest=100
    )


def summary(boards: Sequence[Scoreboard], contamination: Contamination) -> str:
    """The short table in markdown, with a small picture; shown in the terminal's end and in the Prefect UI."""
    parts = []
    for board in boards:
        head = [f"{board.title}, %", *(board.budget(labels) for labels in board.label_counts)]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for model in board.models:
            cells = [with_spread(board.spread(model, labels, board.metric)) for labels in board.label_counts]
            lines.append(f"| {title_of(model)} | {' | '.join(cells)} |")
        plain = answer(board).replace("<b>", "**").replace("</b>", "**")
        parts += [f"### {board.task.name}", plain, "\n".join(lines)]
        if board.kind.is_fine_tuned:
            parts.append(chart_as_image(_picture(board), f"{board.title} by label count"))
    parts.append(
        f"Held-out documents in the pretraining text: {contamination.shared_ids} of "
        f"{contamination.heldout_documents:,}; that share a 13-token run with it: "
        f"{contamination.overlapping_documents:,}. Test texts that do: {overlaps(contamination)}."
    )
    return "\n\n".join(parts) + "\n"


def overlaps(contamination: Contamination) -> str:
    """`sst2 3 of 120, stsb 1 of 90`, of the sets that have such texts."""
    found = [(name, each) for name, each in contamination.sets.items() if each.overlapping]
    return ", ".join(f"{name} {each.overlapping:,} of {each.texts:,}" for name, each in found) or "none"


def _picture(board: Scoreboard) -> str:
    return charts.standalone(charts.drawing(score_series(board, COLORS), score_axes(board)))
