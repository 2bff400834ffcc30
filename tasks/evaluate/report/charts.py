"""Pictures as SVG text. Colours are the page's style variables, so that they follow its light or dark scheme.

Drawn by hand, because the bytes must not depend on a plotting library's version, fonts or clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from unicodedata import east_asian_width

from tasks.plot import Scale

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 30, 44

LONGEST = 18  # columns of a class's name

Point = tuple[float, float]

STYLE = (
    "text{font:12px sans-serif;fill:#1b1f24}.end{text-anchor:end}.middle,.name{text-anchor:middle}"
    ".grid{stroke:#dde1e6;fill:none}.axis{stroke:#5d6672;fill:none}.line{fill:none;stroke-width:2}"
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


def label(value: float) -> str:
    """A tick's number, short."""
    if value and abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}"


def line_chart(
    series: Sequence[Series], x_name: str, y_name: str, *, x_ticks: Sequence[float] = (), log_x: bool = False
) -> str:
    """A drawing with its legend below, as HTML."""
    drawn = drawing(series, x_name, y_name, x_ticks=x_ticks, log_x=log_x)
    return drawn + legend(series) if drawn else ""


def drawing(
    series: Sequence[Series], x_name: str, y_name: str, *, x_ticks: Sequence[float] = (), log_x: bool = False
) -> str:
    """Lines with error bars. With `x_ticks` the axis shows only those; `log_x` needs x above 0."""
    points = [point for each in series for point in each.points]
    if not points:
        return ""
    reach = [
        y + sign * deviation
        for each in series
        for (_, y), deviation in zip(each.points, each.deviations or [0.0] * len(each.points), strict=True)
        for sign in (-1, 1)
    ]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(reach), max(reach)
    margin = (high - low) * 0.06 or 0.05
    low, high = (0.0 if 0 <= low < 0.35 * high else low - margin), high + margin
    pad = 0.06 * (WIDTH - LEFT - RIGHT) if x_ticks else 0
    x_scale = Scale(x_low, x_high, LEFT + pad, WIDTH - RIGHT - pad, log_x)
    y_scale = Scale(low, high, HEIGHT - BOTTOM, TOP)
    body = [*_y_axis(y_scale, y_name), *_x_axis(x_scale, x_name, x_ticks or Scale(x_low, x_high, 0, 1).ticks(8))]
    for each in series:
        body += _line(each, x_scale, y_scale)
    alternative = f"{y_name} by {x_name}: {', '.join(each.name for each in series)}"
    return _svg(HEIGHT, body, alternative)


def _y_axis(scale: Scale, name: str) -> list[str]:
    lines = [f'<text class="start" x="2" y="14">{escape(name)}</text>']  # above: beside, it would meet wide ticks
    for tick in scale.ticks(6):
        y = scale(tick)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{label(tick)}</text>')
    return lines


def _x_axis(scale: Scale, name: str, at: Sequence[float]) -> list[str]:
    bottom = HEIGHT - BOTTOM
    lines = [f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>']
    for tick in at:
        x = scale(tick)
        lines.append(f'<path class="axis" d="M{x:.1f} {bottom}v5"/>')
        lines.append(f'<text class="tick middle" x="{x:.1f}" y="{bottom + 18}">{label(tick)}</text>')
    lines.append(f'<text class="name" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}">{escape(name)}</text>')
    return lines


def _line(series: Series, x_scale: Scale, y_scale: Scale) -> list[str]:
    places = [(x_scale(x), y_scale(y)) for x, y in series.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if series.dashed else ""
    lines = [f'<path class="line" style="stroke:{series.color}"{dashes} d="M{path}"/>']
    for (x, _), (_, value), deviation in zip(places, series.points, series.deviations, strict=bool(series.deviations)):
        top, bottom = y_scale(value + deviation), y_scale(value - deviation)
        lines.append(
            f'<path class="line" style="stroke:{series.color}" d="M{x:.1f} {top:.1f}V{bottom:.1f}'
            f'M{x - 4:.1f} {top:.1f}h8M{x - 4:.1f} {bottom:.1f}h8"/>'
        )
    if len(places) <= 12:
        lines += [f'<circle style="fill:{series.color}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places]
    return lines


def legend(series: Sequence[Series]) -> str:
    """What each colour is."""
    keys = (f'<span><i style="background:{each.color}"></i>{escape(each.name)}</span>' for each in series)
    return f'<p class="legend">{"".join(keys)}</p>'


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


def confusion_picture(table: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """A grid of shares by true class; the darker, the more of the class went there."""
    count, shown = len(names), [cut(name) for name in names]
    start, top, room = 190, 8, 400
    cell = room / count
    body = []
    for row, (name, short, counts) in enumerate(zip(names, shown, table, strict=True)):
        total = max(1, sum(counts))
        y = top + row * cell
        body.append(f'<text class="tick end" x="{start - 8}" y="{y + cell / 2 + 4:.1f}">{escape(short)}</text>')
        for column, value in enumerate(counts):
            x = start + column * cell
            share = value / total
            kind = "right" if row == column else "wrong"
            body.append(
                f'<rect class="cell {kind}" x="{x:.1f}" y="{y:.1f}" width="{cell - 1:.1f}" height="{cell - 1:.1f}" '
                f'style="fill-opacity:{0.04 + 0.96 * share:.2f}"><title>{escape(name)} taken for '
                f"{escape(names[column])}: {value} of {sum(counts)}</title></rect>"
            )
            if value and count <= 24:
                shade = "on" if share > 0.5 else "off"
                body.append(
                    f'<text class="cellcount {shade}" x="{x + cell / 2:.1f}" y="{y + cell / 2 + 4:.1f}">{value}</text>'
                )
    for column, short in enumerate(shown):
        turn = f"translate({start + (column + 0.5) * cell + 4:.1f} {top + room + 10}) rotate(-55)"
        body.append(f'<text class="tick end" transform="{turn}">{escape(short)}</text>')
    below = 24 + 8 * max(map(width, shown))  # turned, and as large as a phone shows them
    return _svg(top + room + below, body, "Confusion: true class by row, predicted class by column")


def width(name: str) -> int:
    """Columns that a name takes: Chinese characters are twice as wide."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in name)


def cut(name: str) -> str:
    """A name that fits beside a picture."""
    if width(name) <= LONGEST:
        return name
    return next(name[:end] for end in range(len(name), 0, -1) if width(name[:end]) < LONGEST) + "…"


def standalone(drawn: str) -> str:
    """A drawing as a file of its own, with the style that the page would give it."""
    opening, rest = drawn.split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"><style>{STYLE}</style>{GROUND}{rest}'


def _svg(height: float, body: Sequence[str], alternative: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alternative)}">{"".join(body)}</svg>'
    )
