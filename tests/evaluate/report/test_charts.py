import re
import xml.etree.ElementTree as ET

import pytest

from tasks.evaluate.report.charts import Axes, Interval, Series, funnel, intervals, line_chart
from tasks.svg_charts import Scale

COLOR = "var(--x)"


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(f"<div>{picture}</div>")


def test_ticks_are_round_and_inside() -> None:
    assert Scale(0, 1, 0, 1).ticks(6) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert Scale(3, 97, 0, 1).ticks(6) == [20, 40, 60, 80]
    assert Scale(5, 5, 0, 1).ticks() == [5]


def test_scales() -> None:
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(8, 32, 0, 2, logarithmic=True)(16) == pytest.approx(1)
    assert Scale(8, 8, 0, 2, logarithmic=True)(8) == 1


def test_every_point_and_its_band_are_inside_the_picture() -> None:
    series = [Series("a<b", COLOR, [(8, 40), (32, 60)], [2, 1]), Series("flat", COLOR, [(8, 8), (32, 8)], [0, 0])]
    root = parsed(line_chart(series, Axes("labels", "accuracy", [(8, "8"), (32, "32")], log_x=True)))
    circles = root.findall(".//circle")
    assert len(circles) == 4
    assert all(0 < float(each.attrib["cx"]) < 640 and 0 < float(each.attrib["cy"]) < 300 for each in circles)
    assert [each.text for each in root.findall(".//text") if each.text in {"8", "32"}] == ["32", "8"]
    assert len(root.findall(".//path[@class='band']")) == 2
    assert "a<b" in "".join(root.itertext())


def heights(picture: str) -> list[float]:
    """Of all ends of bands and bars, in the drawing's units."""
    bands = [each.attrib["d"] for each in parsed(picture).findall(".//path") if each.attrib["class"] == "band"]
    return [float(y) for band in bands for y in re.findall(r" (-?[\d.]+)", band)]


def test_no_band_reaches_beyond_the_best_and_the_worst_score() -> None:
    series = [Series("a", COLOR, [(8, 3), (32, 97)], [9, 9])]
    drawn = line_chart(series, Axes("labels", "accuracy", lowest=0, highest=100))
    assert (min(heights(drawn)), max(heights(drawn))) == (30, 256), "as high as the drawing, which ends at 100"
    beyond = line_chart(series, Axes("labels", "accuracy"))
    assert ">0<" in drawn
    assert min(heights(beyond)) > 30
    assert max(heights(beyond)) < 256


def test_an_axis_that_does_not_begin_at_zero_says_so() -> None:
    high, low, both = (
        line_chart([Series("a", COLOR, [(1, first), (2, 90)])], Axes("step", "score")) for first in (80, 10, -5)
    )
    assert "score (not from 0)" in high
    assert "not from 0" not in low + both


def test_names_of_ticks_do_not_meet() -> None:
    ticks = [(8.0, "8"), (512.0, "512"), (520.0, "all 520")]
    drawn = line_chart([Series("a", COLOR, [(x, 1) for x, _ in ticks])], Axes("labels", "score", ticks, log_x=True))
    names = [each.text for each in parsed(drawn).findall(".//text[@class='tick middle']")]
    assert names == ["all 520", "8"]


def test_intervals_lie_on_one_scale_that_holds_zero() -> None:
    rows = [Interval("a<", COLOR, -0.5, 0.0, 0.5, "0.0"), Interval("b", COLOR, 0.5, 1.0, 1.5, "1.0")]
    drawn = intervals(rows)
    assert re.findall(r"<b style=.left:([\d.]+)%;width:([\d.]+)%", drawn) == [("0.0", "50.0"), ("50.0", "50.0")]
    assert re.findall(r"<s style=.left:([\d.]+)%", drawn) == ["25.0", "25.0"]
    assert "a&lt;" in drawn


def test_a_chart_of_one_label_count_and_of_nothing() -> None:
    one = parsed(line_chart([Series("a", COLOR, [(8, 0.5)], [0.1])], Axes("x", "y", [(8, "8")], log_x=True)))
    assert len(one.findall(".//path[@class='line']")) == 2, "the line and the bar"
    assert line_chart([], Axes("x", "y")) == ""
    assert funnel([]) == ""


def test_a_funnel_shows_its_counts() -> None:
    assert "1,234" in "".join(parsed(funnel([("pages", 1234, ""), ("kept", 7, "dropped: <5")])).itertext())


def test_the_name_of_an_axis_keeps_clear_of_its_ticks() -> None:
    root = parsed(line_chart([Series("a", COLOR, [(1, 1.3801), (2, 1.3865)])], Axes("step", "training loss")))
    (name,) = [each for each in root.iter("text") if (each.text or "").startswith("training loss")]
    ticks_at = [float(each.attrib["y"]) for each in root.iter("text") if "end" in each.attrib["class"]]
    assert float(name.attrib["y"]) < min(ticks_at) - 10
