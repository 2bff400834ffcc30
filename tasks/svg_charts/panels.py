"""Small charts side by side in one SVG with fixed colours, for Markdown, whose page's style does not reach into it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tasks.svg_charts.axes import Frame, Marks, render_marks, render_x_names, render_y_ticks
from tasks.svg_charts.scales import Scale, format_tick

WIDTH, HEIGHT = 420, 240
PANELS_PER_ROW = 2
LEGEND_ENTRY_WIDTH = 74
BLUE, RED, GREY = "#4f86c6", "#c8442b", "#9aa3ad"
FRAME = Frame(
    WIDTH,
    HEIGHT,
    x_start=62,
    right=14,
    top=30,
    bottom=34,
    grid='stroke="#e3e6ea"',
    axis='stroke="#5d6672" fill="none"',
    y_tick='text-anchor="end"',
    x_tick='text-anchor="middle"',
    line='fill="none" stroke="{}" stroke-width="1.5"',
    dot='r="3" fill="{}"',
    y_tick_gap=6,
    x_tick_drop=16,
)


@dataclass(frozen=True)
class Panel:
    """One chart with axes of its own; `names` are the names of the values x = 0, 1 and so on."""

    title: str
    marks: Sequence[Marks]
    log_x: bool = False
    log_y: bool = False
    names: Sequence[str] = ()


def render_chart(panels: Sequence[Panel]) -> str:
    """Render the panels in rows as one SVG; panels without a point are left out."""
    shown = [panel for panel in panels if any(marks.points for marks in panel.marks)]
    width, height = WIDTH * min(PANELS_PER_ROW, len(shown)), HEIGHT * -(-len(shown) // PANELS_PER_ROW)
    rendered = (
        f'<g transform="translate({index % PANELS_PER_ROW * WIDTH} {index // PANELS_PER_ROW * HEIGHT})">'
        f"{_render_panel(panel)}</g>"
        for index, panel in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="#444"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(rendered)}</svg>"
    )


def chart_as_image(svg: str, alt: str) -> str:
    """Return Markdown of an image that carries its own data."""
    return f"![{alt}]({_data_url(svg)})"


def chart_as_html(svg: str, alt: str) -> str:
    """Return an HTML image that carries its own data; the page's style does not reach into it."""
    return f'<img alt="{escape(alt)}" src="{_data_url(svg)}">'


def _data_url(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _render_panel(panel: Panel) -> str:
    points = [point for marks in panel.marks for point in marks.points]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    # half a unit of room on both sides, so that the names of the outer values fit
    x_ends = (-0.5, len(panel.names) - 0.5) if panel.names else (min(xs), max(xs))
    x_scale = Scale(*x_ends, FRAME.x_start, FRAME.x_end, panel.log_x)
    # On a logarithmic axis a margin that is subtracted could reach zero.
    margin = 0.0 if panel.log_y else 0.04 * (max(ys) - min(ys))
    y_scale = Scale(min(ys) - margin, max(ys) + margin, FRAME.y_end, FRAME.top, panel.log_y)
    named_ticks: list[tuple[float, str]] = [*enumerate(panel.names)]
    parts = [
        f'<text x="{FRAME.x_start}" y="16" font-weight="bold">{escape(panel.title)}</text>',
        *render_y_ticks(FRAME, y_scale, max_ticks=5),
        *render_x_names(FRAME, x_scale, named_ticks or [(value, format_tick(value)) for value in x_scale.ticks()]),
        f'<path {FRAME.axis} d="M{FRAME.x_start} {FRAME.top}V{FRAME.y_end}H{FRAME.x_end}"/>',
    ]
    legend = [marks for marks in panel.marks if marks.name and marks.points]
    # From the right edge to the left, so that the entries end at the frame whatever the title's length.
    for index, marks in enumerate(reversed(legend)):
        x = FRAME.x_end - LEGEND_ENTRY_WIDTH * index
        parts.append(f'<text x="{x}" y="16" text-anchor="end" fill="{marks.color}">{escape(marks.name)}</text>')
    parts += [render_marks(FRAME, marks, x_scale, y_scale) for marks in panel.marks]
    return "".join(parts)
