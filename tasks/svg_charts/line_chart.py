"""One chart as wide as a page. Its colours are classes and variables of the page's style sheet, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from tasks.svg_charts.axes import (
    Frame,
    Marks,
    drop_overlapping,
    render_deviations,
    render_marks,
    render_x_names,
    render_y_ticks,
)
from tasks.svg_charts.scales import Scale, format_tick

PAGE_WIDTH = 640
FRAME = Frame(
    PAGE_WIDTH,
    300,
    x_start=62,
    right=16,
    top=30,
    bottom=44,
    grid='class="grid"',
    axis='class="axis"',
    y_tick='class="tick end"',
    x_tick='class="tick middle"',
    line='class="line" style="stroke:{}"',
    dot='r="4" style="fill:{}"',
    y_tick_gap=8,
    x_tick_drop=18,
)
# A line of more points has no dots, which would cover it.
MAX_DOTS = 12
# Fraction of an axis's length that stays free at its ends, so that points do not lie on the edge.
MARGIN = 0.06
# the style of a chart outside the report; inside it, report.css has these classes
STANDALONE_STYLE = (
    "text{font:12px sans-serif;fill:#1b1f24}.end{text-anchor:end}.middle,.name{text-anchor:middle}"
    ".grid{stroke:#dde1e6;fill:none}.axis{stroke:#5d6672;fill:none}.line{fill:none;stroke-width:2}"
    ".band{fill-opacity:.15;stroke:none}"
)
WHITE_GROUND = '<rect width="100%" height="100%" fill="#fff"/>'


@dataclass(frozen=True)
class Axes:
    """Names of both axes, ticks of the x axis, and the range that y values can have at all."""

    x_name: str
    y_name: str
    x_ticks: Sequence[tuple[float, str]] = ()
    """values with their names; without them the ticks are round values"""
    log_x: bool = False
    """logarithmic x axis; all x are above 0"""
    min_y: float = -math.inf
    max_y: float = math.inf


def draw_line_chart(lines: Sequence[Marks], axes: Axes) -> str:
    """Draw lines with a band of one deviation up and down, as SVG; empty without a point."""
    xs = [x for marks in lines for x, _ in marks.points]
    if not xs:
        return ""
    x_margin = MARGIN * (FRAME.x_end - FRAME.x_start) if axes.x_ticks else 0
    x_scale = Scale(min(xs), max(xs), FRAME.x_start + x_margin, FRAME.x_end - x_margin, axes.log_x)
    y_scale = Scale(*_y_range(lines, axes), FRAME.y_end, FRAME.top)
    x_ticks = axes.x_ticks or [(value, format_tick(value)) for value in Scale(min(xs), max(xs), 0, 1).ticks(8)]
    parts = [*_render_y_axis(y_scale, axes.y_name), *_render_x_axis(x_scale, axes.x_name, x_ticks)]
    # bands first, so that no band covers a line
    parts += [
        render_deviations(FRAME, marks, _deviation_ranges(marks, axes), x_scale, y_scale)
        for marks in lines
        if marks.deviations
    ]
    for marks in lines:
        shown = replace(marks, dots=len(marks.points) <= MAX_DOTS)
        parts.append(render_marks(FRAME, shown, x_scale, y_scale))
    return render_svg(
        FRAME.height, parts, f"{axes.y_name} by {axes.x_name}: {', '.join(marks.name for marks in lines)}"
    )


def render_svg(height: float, parts: Sequence[str], description: str) -> str:
    """Return an SVG of the page's width; screen readers read the description."""
    return (
        f'<svg viewBox="0 0 {PAGE_WIDTH} {height:.0f}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )


def make_standalone(svg: str) -> str:
    """Turn a drawing into a file of its own, with the style that the page would give it and a white ground."""
    # The first > ends the svg tag: `escape` leaves none in its attributes.
    opening, rest = svg.split(">", 1)
    return (
        f'{opening} xmlns="http://www.w3.org/2000/svg" width="{PAGE_WIDTH}"><style>{STANDALONE_STYLE}</style>'
        f"{WHITE_GROUND}{rest}"
    )


def _y_range(lines: Sequence[Marks], axes: Axes) -> tuple[float, float]:
    """Return the ends of the y axis: it starts at zero unless half of the drawing would be empty."""
    ends = [end for marks in lines for ends in _deviation_ranges(marks, axes) for end in ends]
    low, high = min(ends), max(ends)
    # `or`: where all values are equal, the axis still needs an extent.
    margin = (high - low) * MARGIN or 0.05
    return 0.0 if 0 <= low < 0.5 * high else max(low - margin, axes.min_y), min(high + margin, axes.max_y)


def _deviation_ranges(marks: Marks, axes: Axes) -> list[tuple[float, float]]:
    """Return one deviation down and up from each point, but no value that a score cannot have."""
    deviations = marks.deviations or [0.0] * len(marks.points)
    return [
        (max(y - deviation, axes.min_y), min(y + deviation, axes.max_y))
        for (_, y), deviation in zip(marks.points, deviations, strict=True)
    ]


def _render_y_axis(scale: Scale, name: str) -> list[str]:
    starts_elsewhere = not scale.low <= 0 <= scale.high
    title = f"{name} (not from 0)" if starts_elsewhere else name
    # above the axis: beside it, the name would meet wide ticks
    parts = [f'<text class="start" x="2" y="14">{escape(title)}</text>', *render_y_ticks(FRAME, scale, max_ticks=6)]
    if starts_elsewhere:  # a zigzag near the lower end
        parts.append(f'<path {FRAME.axis} d="M{FRAME.x_start} {FRAME.y_end}v-4l-5 -3 10 -5 -10 -5 5 -3V{FRAME.top}"/>')
    return parts


def _render_x_axis(scale: Scale, name: str, ticks: Sequence[tuple[float, str]]) -> list[str]:
    return [
        f'<path {FRAME.axis} d="M{FRAME.x_start} {FRAME.y_end}H{FRAME.x_end}"/>',
        *(f'<path {FRAME.axis} d="M{scale(value):.1f} {FRAME.y_end}v5"/>' for value, _ in ticks),
        *render_x_names(FRAME, scale, drop_overlapping(scale, ticks)),
        f'<text class="name" x="{(FRAME.x_start + FRAME.x_end) / 2:.0f}" y="{FRAME.height - 6}">{escape(name)}</text>',
    ]
