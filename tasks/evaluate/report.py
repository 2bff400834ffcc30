"""The report: the answer first, then the numbers, the pictures, the mistakes, and where it all came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from tasks.evaluate import charts
from tasks.evaluate.answer import COLORS, answer, percent, points, score_series, with_spread
from tasks.evaluate.contamination import Contamination
from tasks.evaluate.examples import ORIGIN
from tasks.evaluate.groups import group_table
from tasks.evaluate.highlights import highlights
from tasks.evaluate.history import Ancestor, LossCurve, Step
from tasks.evaluate.metrics.classes import confusion
from tasks.evaluate.page import figure, page, table
from tasks.evaluate.samples import Rule, Sample
from tasks.evaluate.scores import TITLES, Scoreboard, compared
from tasks.evaluate.significance import Difference

NUM_MISTAKES = 6
MOST_CLASSES = 20  # more do not fit into a picture
MISTAKE_CHARACTERS = 320


@dataclass(frozen=True)
class Story:
    """Everything that the report tells."""

    boards: Sequence[Scoreboard]
    groups: dict[str, list[dict[str, Any]]]
    """scores by group, by benchmark"""
    looked: dict[str, list[dict[str, Any]]]
    """examples with what the model looked at, by benchmark"""
    contamination: Contamination
    crawl: Sequence[tuple[str, str]]
    funnel: Sequence[Step]
    rules: Sequence[Rule]
    loss: LossCurve
    run: str
    """the other curves of the training run, drawn"""
    ancestors: Sequence[Ancestor]
    settings: Sequence[str]
    versions: dict[str, str]
    model: Sequence[tuple[str, str]]


def render(story: Story) -> str:
    """The page as HTML; the same story gives the same bytes."""
    parts = ["<h1>How good is the model?</h1>"]
    for board in story.boards:
        parts += _benchmark(board, story, alone=len(story.boards) == 1)
    parts += [_contamination(story.contamination), _pretraining(story), _funnel(story), _lineage(story)]
    return page("Textmill: how good is the model?", parts)


def _benchmark(board: Scoreboard, story: Story, *, alone: bool) -> list[str]:
    heading = "" if alone else f"<h2>{escape(board.task.name)}</h2>"
    return [
        heading,
        f'<p class="answer">{answer(board)}</p>',
        _method(board),
        "<h3>Scores on test, %</h3>",
        score_table(board),
        _score_chart(board),
        "<h3>Is the difference sure?</h3>",
        _difference_table(board),
        group_table(board, story.groups[board.task.name]),
        _fit_curves(board),
        _confusion(board),
        _mistakes(board),
        highlights(story.looked.get(board.task.name, [])),
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


def _contamination(found: Contamination) -> str:
    overlapping = percent(found.overlapping_passages / max(1, found.passages))
    rows = [
        ["held-out documents", f"{found.heldout_documents:,}"],
        ["documents in the pretraining text", f"{found.training_documents:,} ({found.training_tokens:,} tokens)"],
        ["documents in both, by id", f"<b>{found.shared_ids}</b>"],
        [
            "held-out documents with a 13-token run that is also in the pretraining text",
            f"{found.overlapping_documents:,}",
        ],
        [
            "test passages with such a run",
            f"{found.overlapping_passages:,} of {found.passages:,} ({overlapping} %)",
        ],
        ["13-token runs of a test passage that are also there, on average", f"{percent(found.covered_share)} %"],
    ]
    note = (
        '<p class="soft">Documents are kept apart by their text\u2019s hash after copies were taken out. Short runs '
        "still repeat between pages of one site (signatures, licences, set phrases).</p>"
    )
    return "<h2>Was the model trained on what it is scored on?</h2>" + table(["", ""], rows, words=True) + note


def _pretraining(story: Story) -> str:
    loss = story.loss
    series = [
        charts.Series("training", "var(--majority)", loss.training),
        charts.Series("validation", "var(--pretrained)", loss.validation),
    ]
    shown = [each for each in series if each.points]
    facts = table(["", ""], [[escape(name), escape(value)] for name, value in story.model], words=True)
    if not shown:
        return f"<h2>Pretraining</h2>{facts}"
    last = f" Last validation loss {loss.validation[-1][1]:.3f}." if loss.validation else ""
    picture = figure(charts.line_chart(shown, "step", "loss, nats a token"), f"Cross-entropy while pretraining.{last}")
    further = figure(story.run, "The learning rate, the gradients and the speed of the same run.")
    return f"<h2>Pretraining</h2>{facts}{picture}{further}"


def _funnel(story: Story) -> str:
    picture = charts.funnel(story.funnel)
    if not picture:
        return ""
    rows = [[escape(name), escape(text)] for name, text in story.crawl]
    crawl = f"<h3>The crawl</h3>{table(['', ''], rows, words=True)}" if rows else ""
    drawn = figure(picture, "Documents left after each step.")
    return f"<h2>What became of the pages</h2>{drawn}{crawl}{render_rules(story.rules)}"


def render_rules(rules: Sequence[Rule]) -> str:
    """Samples of dropped and barely kept documents, folded by rule; what pages say is no markup."""
    if not rules:
        return ""
    note = (
        '<p class="soft">For each rule some documents that it dropped, and those of the rest that came nearest to its '
        "bounds: where a threshold lies well, the first are no loss and the second no rubbish.</p>"
    )
    return f"<h3>What each rule dropped and barely kept</h3>{note}{''.join(map(_rule, rules))}"


def _rule(rule: Rule) -> str:
    bounds = sorted({sample.bounds for sample in rule.samples})
    title = (
        f"<b>{escape(rule.name.replace('_', ' '))}</b> ({escape(' or '.join(bounds))}): {rule.dropped:,} dropped by "
        f"it first, {rule.failing:,} break it"
    )
    return f"<details><summary>{title}</summary>{''.join(map(_sample, rule.samples))}</details>"


def _sample(sample: Sample) -> str:
    return (
        f"<blockquote><p><b>{escape(sample.verdict)}</b> at {short_number(sample.score)}, to stay: "
        f"{escape(sample.bounds)} <small>{escape(sample.url)}</small></p><p>{escape(sample.excerpt)}</p></blockquote>"
    )


def short_number(value: float) -> str:
    """Four digits of a number, or all of a large one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _lineage(story: Story) -> str:
    lineage = "".join(
        _folded(
            f"<b>{escape(each.stage)}</b> <code>{escape(each.key)}</code>, content <code>{escape(each.digest)}</code>",
            each.settings,
        )
        for each in story.ancestors
    )
    note = '<p class="soft">Every artifact behind the scores, sources first; folded in each the settings.</p>'
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in story.versions.items())
    return (
        f"<h2>Where it came from</h2>{note if lineage else ''}{lineage}"
        f"{_folded('settings of this evaluation', chr(10).join(story.settings))}"
        f'<p class="soft">Versions: {versions}.</p>'
    )


def _folded(title: str, text: str) -> str:
    """`title` is HTML."""
    return f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"
