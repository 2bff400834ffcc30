import xml.etree.ElementTree as ET

import numpy as np

from tasks.evaluate.report.confusion import draw_confusion, shorten_name

COUNTS = np.array([[3, 1], [0, 2]])


def test_shares_are_of_the_true_class() -> None:
    root = ET.fromstring(draw_confusion(COUNTS, ["one", "two"]))
    assert "one predicted as two: 1 of 4" in "".join(root.itertext())
    assert [text.text for text in root.iter("text") if "cellcount" in text.attrib["class"]] == ["75", "25", "100"]


def test_a_class_without_an_example_has_an_empty_row() -> None:
    picture = draw_confusion(np.array([[0, 0], [1, 1]]), ["one", "two"])
    assert "one predicted as one: 0 of 0" in picture


def test_names_are_cut_by_their_width() -> None:
    assert shorten_name("a" * 18) == "a" * 18
    assert shorten_name("Cause-Effect(e1,e2)") == "Cause-Ef…ct(e1,e2)"
    assert shorten_name("财" * 9) == "财" * 9
    assert shorten_name("财" * 10) == "财" * 4 + "…" + "财" * 4
    words = "".join(ET.fromstring(draw_confusion(COUNTS, ["财经" * 9, "b" * 40])).itertext())
    assert f"{'财经' * 9} predicted as {'b' * 40}: 1 of 4" in words, "complete in the tooltip"
