"""Small charts as SVG text that needs nothing but a browser. The same numbers give the same bytes."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, ACROSS = 420, 240, 2
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 30, 34
BLUE, RED, GREY = "#4f86c6", "#c8442b", "#9aa3ad"
POINTS = 200

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Marks:
    """One series of points, drawn as a line, as dots, or as both."""

    name: str
    colour: str
    points: Points
    dots: bool = False
    line: bool = True


@dataclass(frozen=True)
class Panel:
    """One chart with its own axes; `names` label x = 0, 1 and so on."""

    title: str
    marks: Sequence[Marks]
    log_x: bool = False
    log_y: bool = False
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Scale:
    """A mapping from values to pixel positions, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(number) if self.logarithmic else number for number in (self.low, self.high, value))
        fraction = (value - low) / (high - low) if high > low else 0.5
        return self.start + fraction * (self.stop - self.start)

    def ticks(self, max_ticks: int = 5) -> list[float]:
        """Choose round values between the ends, at most `max_ticks` on a linear scale."""
        low, high = self.low, self.high
        if high <= low:
            return [low]
        if self.logarithmic:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            round_ones = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
            within = [value for value in round_ones if low * 0.999 <= value <= high * 1.001]
            few = within if len(within) <= max_ticks else [value for value in within if math.log10(value) % 1 < 1e-9]
            return few[:: -(-len(few) // max_ticks)] if few else [low, high]
        rough = (high - low) / max(1, max_ticks - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
        first = math.ceil(low / step - 1e-9)  # an end that is a tick stays one where division rounds
        return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def thin_points(points: Points) -> Points:
    """Reduce a series to at most POINTS points: means over windows of equal size."""
    size = max(1, -(-len(points) // POINTS))
    windows = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [(sum(x for x, _ in w) / len(w), sum(y for _, y in w) / len(w)) for w in windows]


def render_chart(panels: Sequence[Panel]) -> str:
    """Draw the panels as one SVG, in rows of two; panels without a point are left out."""
    shown = [panel for panel in panels if any(marks.points for marks in panel.marks)]
    width, height = WIDTH * min(ACROSS, len(shown)), HEIGHT * -(-len(shown) // ACROSS)
    panel_groups = (
        f'<g transform="translate({number % ACROSS * WIDTH} {number // ACROSS * HEIGHT})">{_draw_panel(panel)}</g>'
        for number, panel in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="#444"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(panel_groups)}</svg>"
    )


def chart_as_image(svg: str, alt: str) -> str:
    """Embed an SVG in Markdown as an image with a data URL."""
    return f"![{alt}]({_data_url(svg)})"


def chart_as_html(svg: str, alt: str) -> str:
    """Embed an SVG in HTML as an image, out of reach of the page's style."""
    return f'<img alt="{escape(alt)}" src="{_data_url(svg)}">'


def _data_url(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _draw_panel(panel: Panel) -> str:
    points = [point for marks in panel.marks for point in marks.points]
    across, down = [x for x, _ in points], [y for _, y in points]
    x_ends = (-0.5, len(panel.names) - 0.5) if panel.names else (min(across), max(across))
    x_scale = Scale(*x_ends, LEFT, WIDTH - RIGHT, panel.log_x)
    margin = 0.0 if panel.log_y else 0.04 * (max(down) - min(down))
    y_scale = Scale(min(down) - margin, max(down) + margin, HEIGHT - BOTTOM, TOP, panel.log_y)
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{escape(panel.title)}</text>']
    parts += _draw_axes(panel, x_scale, y_scale)
    legend = [marks for marks in panel.marks if marks.name and marks.points]
    for number, marks in enumerate(reversed(legend)):
        x = WIDTH - RIGHT - 74 * number
        parts.append(f'<text x="{x}" y="16" text-anchor="end" fill="{marks.colour}">{escape(marks.name)}</text>')
    parts += [_draw_marks(marks, x_scale, y_scale) for marks in panel.marks]
    return "".join(parts)


def _draw_axes(panel: Panel, x_scale: Scale, y_scale: Scale) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = []
    for value in y_scale.ticks():
        y = f"{y_scale(value):.1f}"
        parts.append(f'<path stroke="#e3e6ea" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y}" dy="4" text-anchor="end">{_format_value(value)}</text>')
    named: list[tuple[float, str]] = [*enumerate(panel.names)]
    named = named or [(value, _format_value(value)) for value in x_scale.ticks()]
    parts += [
        f'<text x="{x_scale(position):.1f}" y="{bottom + 16}" text-anchor="middle">{escape(name)}</text>'
        for position, name in named
    ]
    return [*parts, f'<path stroke="#5d6672" fill="none" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>']


def _format_value(value: float) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"


def _draw_marks(marks: Marks, x_scale: Scale, y_scale: Scale) -> str:
    positions = [(f"{x_scale(x):.1f}", f"{y_scale(y):.1f}") for x, y in marks.points]
    points_text = " ".join(f"{x},{y}" for x, y in positions)
    line = f'<polyline fill="none" stroke="{marks.colour}" stroke-width="1.5" points="{points_text}"/>'
    dots = (f'<circle cx="{x}" cy="{y}" r="3" fill="{marks.colour}"/>' for x, y in positions)
    return (line if marks.line and positions else "") + ("".join(dots) if marks.dots else "")
