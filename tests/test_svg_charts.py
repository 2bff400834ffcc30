"""Pictures: whole XML, every point in its place."""

import xml.etree.ElementTree as ET

import pytest

from tasks.svg_charts import HEIGHT, POINTS, WIDTH, Marks, Panel, Scale, render_chart, thin_points


def test_panels_stand_in_rows_and_empty_ones_are_left_out() -> None:
    line, nothing = (
        Panel("a < b", [Marks("one", "#000", [(1, 2), (2, 3)], dots=True)]),
        Panel("none", [Marks("", "", [])]),
    )
    root = ET.fromstring(render_chart([line, nothing, line, line]))
    assert (root.get("width"), root.get("height")) == (str(2 * WIDTH), str(2 * HEIGHT))
    assert len(root.findall("{*}g")) == 3
    assert len(root.findall(".//{*}polyline")) == 3
    assert len(root.findall(".//{*}circle")) == 6


@pytest.mark.parametrize("points", [[(1.0, 2.0)], [(1.0, 2.0), (2.0, 2.0)], [(0.0, 0.0), (1e6, 1e-9)]])
def test_flat_and_single_points_have_a_picture(points: list[tuple[float, float]]) -> None:
    ET.fromstring(render_chart([Panel("", [Marks("", "#000", points, dots=True)])]))


def test_a_logarithmic_scale_has_equal_steps_for_equal_factors() -> None:
    scale = Scale(1e-4, 1.0, 0.0, 100.0, logarithmic=True)
    assert [round(scale(value)) for value in (1e-4, 1e-2, 1.0)] == [0, 50, 100]
    assert scale.ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert Scale(2.0, 7.9, 0.0, 1.0).ticks() == [2.0, 4.0, 6.0]
    assert Scale(3.0, 3.0, 0.0, 1.0).ticks() == [3.0]


def test_names_stand_below_their_places() -> None:
    svg = render_chart([Panel("", [Marks("", "#000", [(1, 2)], dots=True, line=False)], names=["first", "second"])])
    assert ">first<" in svg
    assert "<polyline" not in svg


def test_long_lines_are_thinned_to_means() -> None:
    few = thin_points([(float(step), 2.0 * step) for step in range(5 * POINTS)])
    assert len(few) == POINTS
    assert few[0] == (2.0, 4.0)
