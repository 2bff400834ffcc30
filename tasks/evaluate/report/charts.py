"""Pictures as SVG text. Colours are the page's style variables, so that they follow its light or dark scheme.

Drawn by hand, because the bytes must not depend on a plotting library's version, fonts or clock.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from tasks.svg_charts import Scale

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 30, 44
DIGIT = 10  # as wide as a phone shows one

Point = tuple[float, float]

STYLE = (
    "text{font:12px sans-serif;fill:#1b1f24}.end{text-anchor:end}.middle,.name{text-anchor:middle}"
    ".grid{stroke:#dde1e6;fill:none}.axis{stroke:#5d6672;fill:none}.line{fill:none;stroke-width:2}"
    ".band{fill-opacity:.15;stroke:none}"
)
GROUND = '<rect width="100%" height="100%" fill="#fff"/>'


@dataclass(frozen=True)
class Series:
    """One line of a chart: points (x, y), and for each its deviation where there is one."""

    name: str
    color: str
    points: Sequence[Point]
    deviations: Sequence[float] = field(default_factory=tuple)
    dashed: bool = False


@dataclass(frozen=True)
class Interval:
    """A value with its interval, and how it is written."""

    name: str
    color: str
    low: float
    value: float
    high: float
    told: str


@dataclass(frozen=True)
class Axes:
    """What both axes are called, where x has its ticks, and between which values y lies at all."""

    x_name: str
    y_name: str
    x_ticks: Sequence[tuple[float, str]] = ()
    """the only ones, with their names; else round values"""
    log_x: bool = False
    """needs x above 0"""
    lowest: float = -math.inf
    highest: float = math.inf


def label(value: float) -> str:
    """A tick's number, short."""
    if value and abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def line_chart(series: Sequence[Series], axes: Axes) -> str:
    """A drawing with its legend below, as HTML."""
    drawn = drawing(series, axes)
    return drawn + legend(series) if drawn else ""


def drawing(series: Sequence[Series], axes: Axes) -> str:
    """Lines with a band of one deviation up and down, or with a bar where there is a single point."""
    points = [point for each in series for point in each.points]
    if not points:
        return ""
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    pad = 0.06 * (WIDTH - LEFT - RIGHT) if axes.x_ticks else 0
    x_scale = Scale(x_low, x_high, LEFT + pad, WIDTH - RIGHT - pad, axes.log_x)
    y_scale = Scale(*_ends(series, axes), HEIGHT - BOTTOM, TOP)
    ticks = axes.x_ticks or [(tick, label(tick)) for tick in Scale(x_low, x_high, 0, 1).ticks(8)]
    body = [*_y_axis(y_scale, axes.y_name), *_x_axis(x_scale, axes.x_name, ticks)]
    for each in series:
        body += _spread(each, x_scale, y_scale, axes)
    for each in series:
        body += _line(each, x_scale, y_scale)
    alternative = f"{axes.y_name} by {axes.x_name}: {', '.join(each.name for each in series)}"
    return svg(HEIGHT, body, alternative)


def _ends(series: Sequence[Series], axes: Axes) -> tuple[float, float]:
    """Where the y axis begins and ends: at zero unless that would leave half of the drawing empty."""
    reach = [end for each in series for ends in _reach(each, axes) for end in ends]
    low, high = min(reach), max(reach)
    margin = (high - low) * 0.06 or 0.05
    return 0.0 if 0 <= low < 0.5 * high else max(low - margin, axes.lowest), min(high + margin, axes.highest)


def _reach(series: Series, axes: Axes) -> list[tuple[float, float]]:
    """One deviation down and up from each point, no further than there are scores."""
    deviations = series.deviations or [0.0] * len(series.points)
    return [
        (max(y - deviation, axes.lowest), min(y + deviation, axes.highest))
        for (_, y), deviation in zip(series.points, deviations, strict=True)
    ]


def _y_axis(scale: Scale, name: str) -> list[str]:
    cut = not scale.low <= 0 <= scale.high
    told = f"{name} (not from 0)" if cut else name
    lines = [f'<text class="start" x="2" y="14">{escape(told)}</text>']  # above: beside, it would meet wide ticks
    for tick in scale.ticks(6):
        y = scale(tick)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{label(tick)}</text>')
    if cut:
        lines.append(f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}v-4l-5 -3 10 -5 -10 -5 5 -3V{TOP}"/>')
    return lines


def _x_axis(scale: Scale, name: str, ticks: Sequence[tuple[float, str]]) -> list[str]:
    bottom = HEIGHT - BOTTOM
    lines = [f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>']
    free = math.inf  # from the right, so that the last name is always there
    for tick, named in reversed(ticks):
        x, half = scale(tick), DIGIT / 2 * (len(named) + 1)
        lines.append(f'<path class="axis" d="M{x:.1f} {bottom}v5"/>')
        if x + half <= free:
            lines.append(f'<text class="tick middle" x="{x:.1f}" y="{bottom + 18}">{escape(named)}</text>')
            free = x - half
    lines.append(f'<text class="name" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}">{escape(name)}</text>')
    return lines


def _spread(series: Series, x_scale: Scale, y_scale: Scale, axes: Axes) -> list[str]:
    if not series.deviations:
        return []
    places = [
        (x_scale(x), y_scale(low), y_scale(high))
        for (x, _), (low, high) in zip(series.points, _reach(series, axes), strict=True)
    ]
    if len(places) == 1:
        x, low, top = places[0]
        bar = f"M{x:.1f} {top:.1f}V{low:.1f}M{x - 4:.1f} {top:.1f}h8M{x - 4:.1f} {low:.1f}h8"
        return [f'<path class="line" style="stroke:{series.color}" d="{bar}"/>']
    around = [*((x, top) for x, _, top in places), *((x, low) for x, low, _ in reversed(places))]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in around)
    return [f'<path class="band" style="fill:{series.color}" d="M{path}Z"/>']


def _line(series: Series, x_scale: Scale, y_scale: Scale) -> list[str]:
    places = [(x_scale(x), y_scale(y)) for x, y in series.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if series.dashed else ""
    lines = [f'<path class="line" style="stroke:{series.color}"{dashes} d="M{path}"/>']
    if len(places) <= 12:
        lines += [f'<circle style="fill:{series.color}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places]
    return lines


def legend(series: Sequence[Series]) -> str:
    """What each colour is."""
    keys = (f'<span><i style="background:{each.color}"></i>{escape(each.name)}</span>' for each in series)
    return f'<p class="legend">{"".join(keys)}</p>'


def intervals(rows: Sequence[Interval]) -> str:
    """A bar for each interval with a mark at its middle, as HTML; the scale holds zero, which has a mark too."""
    low, high = min(0.0, *(each.low for each in rows)), max(0.0, *(each.high for each in rows))
    place = Scale(low, high, 0, 100)
    body = []
    for each in rows:
        start, end = place(each.low), place(each.high)
        bar = f'<b style="left:{start:.1f}%;width:{end - start:.1f}%;background:{each.color}"></b>'
        mark = f'<u style="left:{place(each.value):.1f}%;background:{each.color}"></u>'
        zero = f'<s style="left:{place(0):.1f}%"></s>'
        body.append(f"<span>{escape(each.name)}</span><i>{zero}{bar}{mark}</i><span>{escape(each.told)}</span>")
    return f'<div class="intervals">{"".join(body)}</div>'


def funnel(steps: Sequence[tuple[str, int, str]]) -> str:
    """Bars of what was left after each step, as HTML: name, count, and what was lost before it in words.

    Not as SVG, whose words would neither wrap nor keep clear of the bars on a phone.
    """
    if not steps:
        return ""
    widest = max(1, *(count for _, count, _ in steps))
    body = []
    for name, count, note in steps:
        bar = f'<i><b style="width:{100 * count / widest:.1f}%"></b></i>'
        body.append(f"<span>{escape(name)}</span>{bar}<span>{count:,}</span><small>{escape(note)}</small>")
    return f'<div class="steps">{"".join(body)}</div>'


def standalone(drawn: str) -> str:
    """A drawing as a file of its own, with the style that the page would give it."""
    opening, rest = drawn.split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"><style>{STYLE}</style>{GROUND}{rest}'


def svg(height: float, body: Sequence[str], alternative: str) -> str:
    """A drawing of the page's width."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alternative)}">{"".join(body)}</svg>'
    )
