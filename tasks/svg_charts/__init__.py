"""Charts as SVG text that needs nothing but a browser. The same numbers give the same bytes.

They are written by hand, because the bytes must not depend on a plotting library's version, fonts or clock.

- `scales`: from values to positions, and round values for ticks
- `axes`: axes, lines, points and bands; both kinds of charts are drawn with them
- `bars`: counts as horizontal bars, for Markdown
- `panels`: small charts side by side, with fixed colours, for Markdown (summaries, model cards)
- `line_chart`: one chart as wide as a page, whose colours follow the page's light or dark style
"""

from tasks.svg_charts.axes import Marks
from tasks.svg_charts.bars import draw_bars
from tasks.svg_charts.line_chart import Axes, draw_line_chart, make_standalone, render_svg
from tasks.svg_charts.panels import (
    BLUE,
    GREY,
    HEIGHT,
    RED,
    WIDTH,
    Panel,
    chart_as_html,
    chart_as_image,
    render_chart,
)
from tasks.svg_charts.scales import POINTS, Points, Scale, thin_points

__all__ = [
    "BLUE",
    "GREY",
    "HEIGHT",
    "POINTS",
    "RED",
    "WIDTH",
    "Axes",
    "Marks",
    "Panel",
    "Points",
    "Scale",
    "chart_as_html",
    "chart_as_image",
    "draw_bars",
    "draw_line_chart",
    "make_standalone",
    "render_chart",
    "render_svg",
    "thin_points",
]
