"""What the report tells of one benchmark: the answer, the numbers, the pictures, the mistakes."""

from html import escape
from typing import Any

import numpy as np

from tasks.evaluate.examples import ORIGIN
from tasks.evaluate.metrics.classes import confusion
from tasks.evaluate.report import charts
from tasks.evaluate.report.answer import COLORS, answer, percent, points, score_series, with_spread
from tasks.evaluate.report.groups import group_table
from tasks.evaluate.report.highlights import highlights
from tasks.evaluate.report.page import figure, table
from tasks.evaluate.scores import TITLES, Scoreboard, compared
from tasks.evaluate.significance import Difference

NUM_MISTAKES = 6
MOST_CLASSES = 20  # more do not fit into a picture
MISTAKE_CHARACTERS = 320


def told(board: Scoreboard, groups: list[dict[str, Any]], looked: list[dict[str, Any]]) -> list[str]:
    """Parts of the page. `groups` are scores by group, `looked` examples with what the model looked at."""
    return [
        f'<p class="answer">{answer(board)}</p>',
        _method(board),
        "<h3>Scores on test, %</h3>",
        score_table(board),
        _score_chart(board),
        "<h3>Is the difference sure?</h3>",
        _difference_table(board),
        group_table(board, groups),
        _fit_curves(board),
        _confusion(board),
        _mistakes(board),
        highlights(looked),
    ]


def _method(board: Scoreboard) -> str:
    if not board.kind.learns:
        return f'<p class="soft">{escape(board.task.about)} The models are taken as they are.</p>'
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in board.task.parts.items())
    return (
        f'<p class="soft">{escape(board.task.about)} {sizes} examples. Every model gets the same '
        "samples and is chosen on validation; the test part is read once, after the choice.</p>"
    )


def score_table(board: Scoreboard) -> str:
    """A row per label count and model, so that it is no wider for more of them: two scores, the first with interval."""
    pairs = [(labels, model) for labels in board.label_counts for model in board.models]
    shown, further = board.metric, board.kind.metrics[1:2]
    rows = [
        [
            board.count(labels),
            escape(TITLES[model]),
            _cell(board, model, labels, shown),
            " … ".join(map(percent, board.interval(model, labels))),
            *(_cell(board, model, labels, metric) for metric in further),
        ]
        for labels, model in pairs
    ]
    ours = [number for number, (_, model) in enumerate(pairs) if model == "pretrained"]
    note = (
        '<p class="soft">Mean over seeds ± one standard deviation; the interval is a bootstrap over seeds and test '
        "examples.</p>"
    )
    called = [escape(board.called(metric)) for metric in (shown, *further)]
    return table(["labels", "model", called[0], "95 % interval", *called[1:]], rows, ours=ours) + note


def _cell(board: Scoreboard, model: str, labels: int, metric: str) -> str:
    found = board.spread(model, labels, metric)
    if metric not in board.kind.plain:
        return with_spread(found)
    return board.shown_as(metric, found.mean) + (f" ± {found.deviation:.2f}" if len(found.values) > 1 else "")


def _score_chart(board: Scoreboard) -> str:
    if not board.kind.learns:
        return ""
    series = score_series(board, {color: f"var(--{color})" for color in COLORS})
    picture = charts.line_chart(series, board.kind.per_label, f"{board.title}, %", x_ticks=board.sizes, log_x=True)
    return figure(picture, "Mean over seeds; the bars are one standard deviation up and down.")


def _difference_table(board: Scoreboard) -> str:
    rows = [
        [
            escape(TITLES[other]),
            board.count(labels),
            points(gap.mean),
            f"{points(gap.low)} … {points(gap.high)}",
            f"{gap.p:.3f}" if gap.p >= 0.001 else "&lt; 0.001",
            _sure(gap),
        ]
        for labels, other, gap in compared(board)
    ]
    note = (
        f'<p class="soft">Points of {escape(board.title)}, paired over samples and test examples. The interval is a '
        "bootstrap over both, p is of a randomisation test; the last column says whether the mean exceeds each model's "
        "standard deviation over seeds and the interval leaves zero out.</p>"
    )
    return table(["pretrained minus", "labels", "points", "95 % interval", "p", "sure"], rows) + note


def _sure(gap: Difference) -> str:
    if not gap.sure:
        return "no"
    return "yes" if gap.mean > 0 else "yes, worse"


def _fit_curves(board: Scoreboard) -> str:
    if not board.kind.learns:
        return ""
    most, series, chosen = board.label_counts[-1], [], []
    for model in ("pretrained", "random"):
        # fits that ended early have as many points over fewer steps
        moments = zip(*(fit.curve for fit in board.of(model, most)), strict=False)
        line = [(float(np.mean([step for step, _ in at])), sum(loss for _, loss in at) / len(at)) for at in moments]
        series.append(charts.Series(TITLES[model], f"var(--{model})", line))
        rates = [f"{board.of(model, labels)[0].chosen['learning rate']:g}" for labels in board.label_counts]
        chosen.append(f"{TITLES[model]} {' and '.join(rates)}")
    counts = " and ".join(map(board.count, board.label_counts))
    caption = (
        f"Mean over seeds, {board.budget(most)}. Learning rates chosen on validation with {counts} labels: "
        f"{', '.join(chosen)}."
    )
    return "<h3>Fine-tuning</h3>" + figure(charts.line_chart(series, "step", "training loss"), caption)


def _confusion(board: Scoreboard) -> str:
    fit = board.shown()
    if "label" not in board.task.test or len(board.task.names) > MOST_CLASSES:
        return ""
    truth = board.task.test["label"].to_numpy().astype(np.int64)
    counts = confusion(truth, fit.answers["predicted"].to_numpy().astype(np.int64), len(board.task.names))
    caption = f"Pretrained, {board.budget(fit.labels)}, seed {fit.seed}. Row: true class; column: predicted class."
    return "<h3>What is taken for what</h3>" + figure(
        charts.confusion_picture(counts.tolist(), board.task.names), caption
    )


def _mistakes(board: Scoreboard) -> str:
    """The wrong answers that the model was surest of; where it does not say how sure it is, the first ones."""
    answers = board.shown().answers
    sure = "confidence" in answers
    if sure:
        answers = answers.sort(["confidence", "row"], descending=[True, False])
    shown: list[str] = []
    for told in answers.iter_rows(named=True):
        row = board.task.test.row(told["row"], named=True)
        truth, given = board.kind.truth(board.task, row), board.kind.given(board.task, told)
        if truth != given and len(shown) < NUM_MISTAKES:
            confidence = f" ({percent(told['confidence'])} %)" if sure else ""
            shown.append(
                f"<blockquote><p><b>{escape(given)}</b>{confidence}, in truth <b>{escape(truth)}</b> "
                f"<small>{escape(row[ORIGIN])}</small></p><p>{escape(shortened(board.kind.text(row)))}</p></blockquote>"
            )
    title = "Most confident mistakes" if sure else "Some mistakes"
    return f"<h3>{title}</h3>{''.join(shown)}" if shown else ""


def shortened(text: str) -> str:
    """The beginning of a text, without empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    return lines if len(lines) <= MISTAKE_CHARACTERS else lines[:MISTAKE_CHARACTERS].rstrip() + "…"
