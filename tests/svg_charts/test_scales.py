"""Values come to their positions, and ticks are round."""

import pytest

from tasks.svg_charts import POINTS, Scale, thin_points


def test_ticks_are_round_and_inside() -> None:
    assert Scale(0, 1, 0, 1).ticks(6) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert Scale(3, 97, 0, 1).ticks(6) == [20, 40, 60, 80]
    assert Scale(5, 5, 0, 1).ticks() == [5]
    assert Scale(2.0, 7.9, 0.0, 1.0).ticks() == [2.0, 4.0, 6.0]


def test_a_scale_maps_its_ends_to_its_positions() -> None:
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(8, 32, 0, 2, logarithmic=True)(16) == pytest.approx(1)
    assert Scale(8, 8, 0, 2, logarithmic=True)(8) == 1, "without an extent, the middle"


def test_a_logarithmic_scale_has_equal_steps_for_equal_factors() -> None:
    scale = Scale(1e-4, 1.0, 0.0, 100.0, logarithmic=True)
    assert [round(scale(value)) for value in (1e-4, 1e-2, 1.0)] == [0, 50, 100]
    assert scale.ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_long_lines_are_thinned_to_means() -> None:
    points = thin_points([(float(step), 2.0 * step) for step in range(5 * POINTS)])
    assert len(points) == POINTS
    assert points[0] == (2.0, 4.0)
