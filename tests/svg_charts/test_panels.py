"""Panels are valid XML, with every point in its place."""

import xml.etree.ElementTree as ET

import pytest

from tasks.svg_charts import HEIGHT, WIDTH, Marks, Panel, render_chart


def test_panels_stand_in_rows_and_empty_ones_are_left_out() -> None:
    line = Panel("a < b", [Marks("one", "#000", [(1, 2), (2, 3)], dots=True)])
    nothing = Panel("none", [Marks("", "", [])])
    root = ET.fromstring(render_chart([line, nothing, line, line]))
    assert (root.get("width"), root.get("height")) == (str(2 * WIDTH), str(2 * HEIGHT))
    assert len(root.findall("{*}g")) == 3
    assert len(root.findall(".//{*}polyline")) == 3
    assert len(root.findall(".//{*}circle")) == 6


@pytest.mark.parametrize("points", [[(1.0, 2.0)], [(1.0, 2.0), (2.0, 2.0)], [(0.0, 0.0), (1e6, 1e-9)]])
def test_flat_and_single_points_have_a_picture(points: list[tuple[float, float]]) -> None:
    ET.fromstring(render_chart([Panel("", [Marks("", "#000", points, dots=True)])]))


def test_names_stand_below_their_positions() -> None:
    svg = render_chart([Panel("", [Marks("", "#000", [(1, 2)], dots=True, line=False)], names=["first", "second"])])
    assert ">first<" in svg
    assert "<polyline" not in svg
