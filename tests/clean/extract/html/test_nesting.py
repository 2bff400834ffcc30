import pytest
from resiliparse.parse.html import HTMLTree

from tasks.clean.extract.html.nesting import estimate_nesting, is_deeper


@pytest.mark.parametrize(
    ("html", "height"),
    [
        ("", 0),
        ("plain text, 1 < 2", 0),
        ("<div><DIV>x</DIV></div><div>y</div>", 2),
        ("<p>a<p>b<br>c<img><li>d", 0),
        ("</div></div><div><span>x", 2),
        ("<!-- <!doctype> <", 0),
    ],
)
def test_height_of_the_tags(html: str, height: int) -> None:
    assert estimate_nesting(html) == height


def test_depth_of_the_tree() -> None:
    tree = HTMLTree.parse("<body>" + "<div>" * 20 + "x" + "</div>" * 20 + "<p>y</p>" * 100)
    assert is_deeper(tree, 20)
    assert not is_deeper(tree, 40)
