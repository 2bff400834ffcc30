"""The report: the answer first, then the numbers, the pictures, the mistakes, and where it all came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tasks.downstream.data.contamination import Contamination
from tasks.evaluate.report import charts
from tasks.evaluate.report.benchmark_section import told
from tasks.evaluate.report.conclusion import percent
from tasks.evaluate.report.page import breakable, figure, page, quote, table
from tasks.evaluate.report.provenance import Ancestor, LossCurve, Step
from tasks.evaluate.report.samples import Rule, Sample
from tasks.evaluate.report.tables import overview
from tasks.evaluate.results.scoreboard import Scoreboard


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
    several = len(story.boards) > 1
    parts = ["<h1>How good is the model?</h1>", overview(story.boards, story.contamination) if several else ""]
    for board in story.boards:
        name = board.task.name
        heading = f'<h2 id="{escape(name)}">{escape(name)}</h2>' if several else ""
        parts += [heading, *told(board, story.groups[name], story.looked.get(name, []))]
    parts += [_contamination(story.contamination), _pretraining(story), _funnel(story), _lineage(story)]
    return page("Textmill: how good is the model?", parts)


def _contamination(found: Contamination) -> str:
    rows = [
        ["held-out documents", f"{found.heldout_documents:,}"],
        ["documents in the pretraining text", f"{found.training_documents:,} ({found.training_tokens:,} tokens)"],
        ["documents in both, by id", f"<b>{found.shared_ids}</b>"],
        [
            "held-out documents with a 13-token run that is also in the pretraining text",
            f"{found.overlapping_documents:,}",
        ],
    ]
    sets = [
        [
            breakable(name),
            f"{each.overlapping:,}<small>of {each.texts:,}</small>",
            f"{each.short:,}",
            percent(each.covered_share),
        ]
        for name, each in found.sets.items()
    ]
    head = ["test texts", "with a run of the pretraining text", "shorter than a run", "runs seen, %"]
    note = (
        '<p class="soft">Documents are kept apart by their text\u2019s hash after copies were taken out. Short runs '
        "still repeat between pages of one site (signatures, licences, set phrases). A run is 13 tokens; the last "
        "column is the mean share of a text's runs that are also in the pretraining text.</p>"
    )
    asked = "<h2>Was the model trained on what it is scored on?</h2>"
    return asked + table(["", ""], rows, words=True) + table(head, sets) + note


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
    picture = figure(
        charts.line_chart(shown, charts.Axes("step", "loss, nats a token")), f"Cross-entropy while pretraining.{last}"
    )
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
    said = (
        f"<b>{escape(sample.verdict)}</b> at {short_number(sample.score)}, to stay: "
        f"{escape(sample.bounds)} <small>{escape(sample.url)}</small>"
    )
    return quote(said, escape(sample.excerpt))


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
