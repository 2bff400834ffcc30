"""A line chart keeps everything inside the drawing, and its axes say where they start."""

import re
import xml.etree.ElementTree as ET

from tasks.svg_charts import Axes, Marks, draw_line_chart, make_standalone

COLOR = "var(--x)"


def test_every_point_and_its_band_are_inside_the_drawing() -> None:
    lines = [
        Marks("a<b", COLOR, [(8, 40), (32, 60)], deviations=[2, 1]),
        Marks("flat", COLOR, [(8, 8), (32, 8)], deviations=[0, 0]),
    ]
    root = ET.fromstring(draw_line_chart(lines, Axes("labels", "accuracy", [(8, "8"), (32, "32")], log_x=True)))
    circles = root.findall(".//circle")
    assert len(circles) == 4
    assert all(0 < float(dot.attrib["cx"]) < 640 and 0 < float(dot.attrib["cy"]) < 300 for dot in circles)
    assert [text.text for text in root.findall(".//text") if text.text in {"8", "32"}] == ["32", "8"]
    assert len(root.findall(".//path[@class='band']")) == 2
    assert "a<b" in root.attrib["aria-label"]


def band_heights(svg: str) -> list[float]:
    """Return the y of all ends of the bands, in the drawing's units."""
    bands = [path.attrib["d"] for path in ET.fromstring(svg).findall(".//path[@class='band']")]
    return [float(y) for band in bands for y in re.findall(r" (-?[\d.]+)", band)]


def test_no_band_reaches_beyond_the_best_and_the_worst_score() -> None:
    lines = [Marks("a", COLOR, [(8, 3), (32, 97)], deviations=[9, 9])]
    limited = draw_line_chart(lines, Axes("labels", "accuracy", min_y=0, max_y=100))
    assert (min(band_heights(limited)), max(band_heights(limited))) == (30, 256), (
        "as high as the axis, which ends at 100"
    )
    assert ">0<" in limited
    unlimited = draw_line_chart(lines, Axes("labels", "accuracy"))
    assert min(band_heights(unlimited)) > 30
    assert max(band_heights(unlimited)) < 256


def test_an_axis_that_does_not_begin_at_zero_says_so() -> None:
    high, low, both = (
        draw_line_chart([Marks("a", COLOR, [(1, first), (2, 90)])], Axes("step", "score")) for first in (80, 10, -5)
    )
    assert "score (not from 0)" in high
    assert "not from 0" not in low + both


def test_names_of_ticks_do_not_meet() -> None:
    ticks = [(8.0, "8"), (512.0, "512"), (520.0, "all 520")]
    svg = draw_line_chart([Marks("a", COLOR, [(x, 1) for x, _ in ticks])], Axes("labels", "score", ticks, log_x=True))
    names = [text.text for text in ET.fromstring(svg).findall(".//text[@class='tick middle']")]
    assert names == ["all 520", "8"]


def test_a_chart_of_one_point_has_a_bar_and_one_of_nothing_is_empty() -> None:
    lines = [Marks("a", COLOR, [(8, 0.5)], deviations=[0.1])]
    root = ET.fromstring(draw_line_chart(lines, Axes("x", "y", [(8, "8")], log_x=True)))
    assert len(root.findall(".//polyline[@class='line']")) == 1
    assert len(root.findall(".//path[@class='line']")) == 1, "the bar"
    assert draw_line_chart([], Axes("x", "y")) == ""


def test_long_lines_have_no_dots() -> None:
    def count_dots(num_points: int) -> int:
        points = [(float(x), float(x)) for x in range(num_points)]
        return draw_line_chart([Marks("a", COLOR, points)], Axes("x", "y")).count("<circle")

    assert (count_dots(12), count_dots(13)) == (12, 0)


def test_the_name_of_an_axis_keeps_clear_of_its_ticks() -> None:
    svg = draw_line_chart([Marks("a", COLOR, [(1, 1.3801), (2, 1.3865)])], Axes("step", "training loss"))
    texts = list(ET.fromstring(svg).iter("text"))
    (name,) = [text for text in texts if (text.text or "").startswith("training loss")]
    ticks = [float(text.attrib["y"]) + float(text.attrib["dy"]) for text in texts if "end" in text.attrib["class"]]
    assert float(name.attrib["y"]) < min(ticks) - 10


def test_a_standalone_drawing_brings_its_style() -> None:
    svg = make_standalone(draw_line_chart([Marks("a", "#123456", [(1, 2)])], Axes("x", "y")))
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert ".band" in "".join(root.itertext())
