import xml.etree.ElementTree as ET

import pytest

from tasks.evaluate.report.charts import Scale, Series, confusion_picture, cut, funnel, line_chart

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


def test_every_point_has_its_bar_inside_the_picture() -> None:
    series = [Series("a<b", COLOR, [(8, 40), (32, 60)], [2, 1]), Series("flat", COLOR, [(8, 8), (32, 8)], [0, 0])]
    root = parsed(line_chart(series, "labels", "accuracy", x_ticks=[8, 32], log_x=True))
    circles = root.findall(".//circle")
    assert len(circles) == 4
    assert all(0 < float(each.attrib["cx"]) < 640 and 0 < float(each.attrib["cy"]) < 300 for each in circles)
    assert [each.text for each in root.findall(".//text") if each.text in {"8", "32"}] == ["8", "32"]
    assert "a<b" in "".join(root.itertext())


def test_a_chart_of_one_label_count_and_of_nothing() -> None:
    assert parsed(line_chart([Series("a", COLOR, [(8, 0.5)], [0.0])], "x", "y", x_ticks=[8], log_x=True)) is not None
    assert line_chart([], "x", "y") == ""
    assert funnel([]) == ""


def test_confusion_and_funnel_show_their_counts() -> None:
    words = "".join(parsed(confusion_picture([[3, 1], [0, 2]], ["one", "two"])).itertext())
    assert "one taken for two: 1 of 4" in words
    assert "1,234" in "".join(parsed(funnel([("pages", 1234, ""), ("kept", 7, "dropped: <5")])).itertext())


def test_names_are_cut_by_their_width() -> None:
    assert cut("a" * 18) == "a" * 18
    assert cut("a" * 19) == "a" * 17 + "…"
    assert cut("财" * 9) == "财" * 9
    assert cut("财" * 10) == "财" * 8 + "…"
    picture = confusion_picture([[3, 1], [0, 2]], ["财经" * 9, "b" * 40])
    assert f"{'财经' * 9} taken for {'b' * 40}: 1 of 4" in "".join(parsed(picture).itertext()), (
        "whole where it is pointed at"
    )


def test_the_name_of_an_axis_keeps_clear_of_its_ticks() -> None:
    root = parsed(line_chart([Series("a", COLOR, [(1, 1.3801), (2, 1.3865)])], "step", "training loss"))
    (name,) = [each for each in root.iter("text") if each.text == "training loss"]
    ticks_at = [float(each.attrib["y"]) for each in root.iter("text") if "end" in each.attrib["class"]]
    assert float(name.attrib["y"]) < min(ticks_at) - 10
