"""Axes, and what is drawn between them: lines, points, and bands of one deviation up and down."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tasks.svg_charts.scales import Points, Scale, format_tick

# Width of a character of a tick's name, in units of the drawing, as large as a phone shows it.
DIGIT_WIDTH = 10


@dataclass(frozen=True)
class Marks:
    """Points that belong together: a line, dots, or both, with a band around them where there are deviations."""

    name: str
    color: str
    points: Points
    dots: bool = False
    line: bool = True
    deviations: Sequence[float] = ()
    """one for each point, or none"""
    dashed: bool = False


@dataclass(frozen=True)
class Frame:
    """Size of a drawing, the margins around its axes, and the SVG attributes of what is drawn.

    Attributes are fixed values, or classes that a page's style sheet fills in. `{}` stands for the color.
    """

    width: int
    height: int
    x_start: int
    right: int
    top: int
    bottom: int
    grid: str
    axis: str
    y_tick: str
    x_tick: str
    line: str
    dot: str
    y_tick_gap: int
    """from the values of the y axis to the axis"""
    x_tick_drop: int
    """from the x axis down to the base line of its values"""

    @property
    def x_end(self) -> int:
        """The right end of the x axis."""
        return self.width - self.right

    @property
    def y_end(self) -> int:
        """The lower end of the y axis."""
        return self.height - self.bottom


def render_y_ticks(frame: Frame, scale: Scale, max_ticks: int) -> list[str]:
    """Render a grid line and a value for each tick of the y axis."""
    parts = []
    for value in scale.ticks(max_ticks):
        y = f"{scale(value):.1f}"
        parts.append(f'<path {frame.grid} d="M{frame.x_start} {y}H{frame.x_end}"/>')
        parts.append(
            f'<text x="{frame.x_start - frame.y_tick_gap}" y="{y}" dy="4" {frame.y_tick}>{format_tick(value)}</text>'
        )
    return parts


def render_x_names(frame: Frame, scale: Scale, ticks: Sequence[tuple[float, str]]) -> list[str]:
    """Render the names of the ticks (value, name) below the x axis."""
    return [
        f'<text x="{scale(value):.1f}" y="{frame.y_end + frame.x_tick_drop}" {frame.x_tick}>{escape(name)}</text>'
        for value, name in ticks
    ]


def drop_overlapping(scale: Scale, ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the ticks (value, name) whose names do not meet, from right to left, so that the last one always stays."""
    kept = []
    free_until = math.inf
    for value, name in reversed(ticks):
        # One digit more than the name has, as the space between two names.
        position, half_width = scale(value), DIGIT_WIDTH / 2 * (len(name) + 1)
        if position + half_width <= free_until:
            kept.append((value, name))
            free_until = position - half_width
    return kept


def render_marks(frame: Frame, marks: Marks, x_scale: Scale, y_scale: Scale) -> str:
    """Render the line and the dots of some marks."""
    # One decimal: a tenth of a unit is invisible, and the bytes do not depend on the last bit of a product.
    positions = [(f"{x_scale(x):.1f}", f"{y_scale(y):.1f}") for x, y in marks.points]
    parts = []
    if marks.line and positions:
        dashes = ' stroke-dasharray="5 4"' if marks.dashed else ""
        points = " ".join(f"{x},{y}" for x, y in positions)
        parts.append(f'<polyline {frame.line.format(marks.color)}{dashes} points="{points}"/>')
    if marks.dots:
        parts += [f'<circle cx="{x}" cy="{y}" {frame.dot.format(marks.color)}/>' for x, y in positions]
    return "".join(parts)


def render_deviations(
    frame: Frame, marks: Marks, ranges: Sequence[tuple[float, float]], x_scale: Scale, y_scale: Scale
) -> str:
    """Render the ranges (low, high) around the points as a band, or as a bar where there is a single point."""
    positions = [
        (x_scale(x), y_scale(low), y_scale(high)) for (x, _), (low, high) in zip(marks.points, ranges, strict=True)
    ]
    if len(positions) == 1:
        x, low, high = positions[0]
        # a band over one point would have no width: a bar with a stroke at each end
        bar = f"M{x:.1f} {high:.1f}V{low:.1f}M{x - 4:.1f} {high:.1f}h8M{x - 4:.1f} {low:.1f}h8"
        return f'<path {frame.line.format(marks.color)} d="{bar}"/>'
    # Along the upper edge from left to right, and back along the lower one.
    outline = [*((x, high) for x, _, high in positions), *((x, low) for x, low, _ in reversed(positions))]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in outline)
    return f'<path class="band" style="fill:{marks.color}" d="M{path}Z"/>'
