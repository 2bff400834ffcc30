"""What the report tells of one benchmark: the answer, the numbers, the pictures, the mistakes."""

from html import escape
from typing import Any

import numpy as np

from tasks.downstream.data.task_data import ORIGIN
from tasks.downstream.metrics.classes import confusion_matrix
from tasks.evaluate.report import charts
from tasks.evaluate.report.attribution_texts import highlights
from tasks.evaluate.report.conclusion import COLORS, answer, colors_of, percent, score_axes, score_series
from tasks.evaluate.report.confusion import confusion_picture
from tasks.evaluate.report.groups import group_table
from tasks.evaluate.report.page import figure, quote, unbroken
from tasks.evaluate.report.tables import difference_table, score_table
from tasks.evaluate.results.scoreboard import Scoreboard, title_of

NUM_MISTAKES = 6
MOST_CLASSES = 20  # more do not fit into a picture
MISTAKE_CHARACTERS = 320


def told(board: Scoreboard, groups: list[dict[str, Any]], looked: list[dict[str, Any]]) -> list[str]:
    """Parts of the page. `groups` are scores by group, `looked` examples with what the model looked at."""
    return [
        f'<p class="answer">{unbroken(answer(board))}</p>',
        _method(board),
        "<h3>Scores on test, %</h3>",
        score_table(board),
        _score_chart(board),
        "<h3>Is the difference sure?</h3>",
        difference_table(board),
        group_table(board, groups),
        _fit_curves(board),
        _confusion(board),
        highlights(looked) if looked else _mistakes(board),
    ]


def _method(board: Scoreboard) -> str:
    if not board.kind.is_fine_tuned:
        return f'<p class="soft">{escape(board.task.about)} The models are taken as they are.</p>'
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in board.task.parts.items())
    return (
        f'<p class="soft">{escape(board.task.about)} {sizes} examples. Every model gets the same '
        "samples and is chosen on validation; the test part is read once, after the choice.</p>"
    )


def _score_chart(board: Scoreboard) -> str:
    """Of one label count the intervals, of several the curve."""
    colors = {color: f"var(--{color})" for color in COLORS}
    if len(board.label_counts) > 1:
        curve = charts.line_chart(score_series(board, colors), score_axes(board))
        return figure(curve, "Mean over seeds; the bands are one standard deviation up and down.")
    (labels,) = board.label_counts
    rows, named = [], colors_of(board)
    for model in board.models:
        (low, high), found = board.interval(model, labels), board.spread(model, labels, board.metric)
        rows.append(charts.Interval(title_of(model), colors[named[model]], low, found.mean, high, percent(found.mean)))
    return figure(charts.intervals(rows), f"{board.title}, %, with its 95 % interval.")


def _fit_curves(board: Scoreboard) -> str:
    if not board.kind.is_fine_tuned:
        return ""
    most, series, chosen = board.label_counts[-1], [], []
    for model in ("pretrained", "random"):
        # fits that ended early have as many points over fewer steps
        moments = zip(*(fit.curve for fit in board.of(model, most)), strict=False)
        line = [(float(np.mean([step for step, _ in at])), sum(loss for _, loss in at) / len(at)) for at in moments]
        series.append(charts.Series(title_of(model), f"var(--{model})", line))
        rates = [f"{board.of(model, labels)[0].chosen['learning rate']:g}" for labels in board.label_counts]
        chosen.append(f"{title_of(model)} {', '.join(rates)}")
    counts = ", ".join(map(board.count, board.label_counts))
    caption = (
        f"Mean over seeds, {board.budget(most)}. Learning rates chosen on validation with {counts} labels: "
        f"{'; '.join(chosen)}."
    )
    return "<h3>Fine-tuning</h3>" + figure(charts.line_chart(series, charts.Axes("step", "training loss")), caption)


def _confusion(board: Scoreboard) -> str:
    most, names = board.label_counts[-1], board.task.names
    if "label" not in board.task.test or len(names) > MOST_CLASSES:
        return ""
    truth, fits = board.task.test["label"].to_numpy().astype(np.int64), board.of("pretrained", most)
    guesses = [fit.answers["predicted"].to_numpy().astype(np.int64) for fit in fits]
    counts = sum(
        (confusion_matrix(truth, each, len(names)) for each in guesses), np.zeros((len(names), len(names)), np.int64)
    )
    caption = (
        f"Pretrained, {board.budget(most)}, all {len(fits)} seeds together. Row: true class; column: predicted class; "
        "per cent of the row."
    )
    return "<h3>What is taken for what</h3>" + figure(confusion_picture(counts, names), caption)


def _mistakes(board: Scoreboard) -> str:
    """The wrong answers that the model was surest of; where it does not say how sure it is, the first ones."""
    answers = board.shown().answers
    sure = "confidence" in answers
    if sure:
        answers = answers.sort(["confidence", "row"], descending=[True, False])
    shown: list[str] = []
    for told in answers.iter_rows(named=True):
        row = board.task.test.row(told["row"], named=True)
        truth, given = board.kind.format_truth(board.task, row), board.kind.format_answer(board.task, told)
        if truth != given and len(shown) < NUM_MISTAKES:
            said = f"<b>{escape(given)}</b>, in truth <b>{escape(truth)}</b>"
            text = escape(shortened(board.kind.format_question(row)))
            shown.append(quote(f"{said} <small>{escape(row[ORIGIN])}</small>", text))
    title = "Most confident mistakes" if sure else "Some mistakes"
    return f"<h3>{title}</h3>{''.join(shown)}" if shown else ""


def shortened(text: str) -> str:
    """The beginning of a text, without empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    return lines if len(lines) <= MISTAKE_CHARACTERS else lines[:MISTAKE_CHARACTERS].rstrip() + "…"
