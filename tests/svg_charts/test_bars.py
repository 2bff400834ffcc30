"""Bars are as long as their counts, and names are text."""

import re
from xml.etree import ElementTree as ET

from tasks.svg_charts import draw_bars


def read_widths(svg: str) -> list[float]:
    return [float(width) for width in re.findall(r'<rect x="\d+" y="\d+" width="([\d.]+)"', svg)]


def test_bars_are_as_long_as_their_counts() -> None:
    assert read_widths(draw_bars([("a", 200), ("b", 50), ("c", 0)], count_width=70)) == [340.0, 85.0, 0.0]


def test_a_track_fills_the_rest_of_each_row() -> None:
    svg = draw_bars([("a", 2), ("b", 1)], count_width=70, with_track=True)
    assert read_widths(svg) == [340.0, 340.0, 340.0, 170.0]
    assert svg.count('<text x="576"') == 2


def test_names_are_text_and_numbers_have_commas() -> None:
    texts = [element.text for element in ET.fromstring(draw_bars([("<b> & c", 12345)], count_width=70)).iter()]
    assert {"<b> & c", "12,345"} <= set(texts)


def test_no_bars_and_no_counts_are_drawn_too() -> None:
    assert read_widths(draw_bars([], count_width=70)) == []
    assert read_widths(draw_bars([("a", 0)], count_width=70)) == [0.0]
