"""The numbers of one benchmark as tables that fit a phone: an interval stands below its score."""

from collections.abc import Sequence
from html import escape

from tasks.downstream.data.contamination import Contamination
from tasks.downstream.significance import Difference
from tasks.evaluate.report.conclusion import percent, points, with_spread
from tasks.evaluate.report.page import breakable, table
from tasks.evaluate.results.scoreboard import Scoreboard, compared, title_of

MOST_METRICS = 3


def overview(boards: Sequence[Scoreboard], contamination: Contamination) -> str:
    """A row per benchmark, each with most labels: the score, how much it is above its rivals, how much was seen."""
    rows = []
    for board in boards:
        most, name = board.label_counts[-1], board.task.name
        seen = contamination.sets[name]
        about = f"{escape(board.title)}, {seen.overlapping:,} of {seen.texts:,} texts seen"
        score = percent(board.spread("pretrained", most, board.metric).mean)
        interval = " … ".join(map(percent, board.interval("pretrained", most)))
        rows.append(
            [
                f'<a href="#{escape(name)}">{breakable(name)}</a><small class="name">{about}</small>',
                f"{score}<small>{interval}</small>",
                *(_gain(board, rival, most) for rival in ("random", best_baseline(board))),
            ]
        )
    note = (
        '<p class="soft">The pretrained model with most labels, per cent of the first score with its 95 % interval; '
        "then how many points it is above others, bold where that is sure. A test text counts as seen when one of its "
        "13-token runs is also in the pretraining text.</p>"
    )
    return table(["benchmark", "score", "above random weights", "above the best baseline"], rows) + note


def best_baseline(board: Scoreboard) -> str:
    """The one with the highest score with most labels; empty where the kind has none."""
    most = board.label_counts[-1]
    rivals = [model for model in board.models if model in board.kind.baselines]
    return max(rivals, key=lambda model: board.spread(model, most, board.metric).mean, default="")


def _gain(board: Scoreboard, rival: str, labels: int) -> str:
    if not rival:
        return "–"
    gap = board.difference("pretrained", rival, labels)
    told = f"<b>{points(gap.mean)}</b>" if gap.sure else points(gap.mean)
    if rival == "random":
        return f"{told}<small>{points(gap.low)} … {points(gap.high)}</small>"
    return f'{told}<small class="name">{escape(title_of(rival))}</small>'


def score_table(board: Scoreboard) -> str:
    """A row per model under each label count; the first score with its interval."""
    shown = board.kind.metrics[:MOST_METRICS]
    rows: list[list[str]] = []
    ours = []
    for labels in board.label_counts:
        rows += [[board.budget(labels)]] if board.kind.is_fine_tuned else []
        ours.append(len(rows) + board.models.index("pretrained"))
        for model in board.models:
            cells = [_cell(board, model, labels, metric) for metric in shown]
            cells[0] += f"<small>{' … '.join(map(percent, board.interval(model, labels)))}</small>"
            rows.append([escape(title_of(model)), *cells])
    note = (
        '<p class="soft">Mean over seeds ± one standard deviation; below it the 95 % interval, a bootstrap over seeds '
        "and test examples.</p>"
    )
    return table(["model", *(escape(board.called(metric)) for metric in shown)], rows, ours=ours) + note


def _cell(board: Scoreboard, model: str, labels: int, metric: str) -> str:
    found = board.spread(model, labels, metric)
    if metric not in board.kind.unscaled_metrics:
        return with_spread(found)
    deviation = f" ± {board.shown_as(metric, found.deviation)}" if len(set(found.values)) > 1 else ""
    return board.shown_as(metric, found.mean) + deviation


def difference_table(board: Scoreboard) -> str:
    """How much better the pretrained model is than each other one, and how sure that is."""
    rows: list[list[str]] = []
    before = None
    for labels, other, gap in compared(board):
        if labels != before and board.kind.is_fine_tuned:
            rows.append([board.budget(labels)])
        before = labels
        chance = f"{gap.p:.3f}" if gap.p >= 0.001 else "&lt; 0.001"
        rows.append([escape(title_of(other)), points_with_interval(gap), chance, _sure(gap)])
    note = (
        f'<p class="soft">Points of {escape(board.title)}, paired over samples and test examples. The interval is a '
        "bootstrap over both, p is of a randomisation test; the last column says whether the mean exceeds each model's "
        "standard deviation over seeds and the interval leaves zero out.</p>"
    )
    return table(["pretrained minus", "points", "p", "sure"], rows) + note


def points_with_interval(gap: Difference) -> str:
    """`+11.6`, and the interval below."""
    return f"{points(gap.mean)}<small>{points(gap.low)} … {points(gap.high)}</small>"


def _sure(gap: Difference) -> str:
    if not gap.sure:
        return "no"
    return "yes" if gap.mean > 0 else "yes, worse"
