import pytest
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from tasks.clean.extract.html.lists import sink_lists

ITEMS = "<li>Spring tides follow the new moon.</li><li>See also the <a href='/neap'>neap</a> tides of the month.</li>"
MENU = "<li><a href='/'>Home page</a></li><li><a href='/about'>About us</a></li>"


def extract_text(html: str) -> str:
    tree = HTMLTree.parse(html)
    sink_lists(tree)
    return extract_plain_text(tree, main_content=True)


@pytest.mark.parametrize("levels", range(5))
def test_lists_of_text_stay_and_menus_go_at_any_level(levels: int) -> None:
    body = f"<ul>{MENU}</ul><p>Tides of the harbour</p><ul>{ITEMS}</ul><p>and of the pier</p>"
    text = extract_text(f"<body>{'<div>' * levels}{body}{'</div>' * levels}</body>")
    assert "Home page" not in text
    # in their place, in their order
    assert text.index("of the harbour") < text.index("• Spring") < text.index("• See also") < text.index("the pier")


def test_lists_in_navigation_stay_out() -> None:
    assert "Spring" not in extract_text(f"<body><nav><ul>{ITEMS}</ul></nav><p>Tides of the harbour</p></body>")


@pytest.mark.parametrize("html", ["", "<ul></ul>", "<frameset><frame></frameset>"])
def test_pages_without_lists(html: str) -> None:
    assert extract_text(html) == ""
