import time

import pytest

from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import extract_page, parse_media_type
from tasks.clean.extract.unusable import UnusablePage

ARTICLE = """<!DOCTYPE html><html lang="de">
<head><title>Tide &amp; Time</title><style>p {color: red}</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>Tide tables</h1>
<p>The tide table lists the times&nbsp;of high water at the pier for every day of the coming month.</p>
<ul><li>Spring tides follow the new moon.</li><li>Neap tides follow the first quarter.</li></ul>
<pre>for day in month:
    print(day)</pre>
<p>Licence: <a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">CC BY-SA</a></p>
</article></main><script>var menu = 1;</script><footer>Copyright, imprint, cookies</footer></body></html>"""


def test_the_main_part_of_a_page_is_readable() -> None:
    page = extract_page(ARTICLE.encode(), "text/html", HtmlExtraction())
    assert page.title == "Tide & Time"
    assert "About us" not in page.text
    assert "cookies" not in page.text
    assert "var menu" not in page.text
    assert "the times of high water" in page.text
    assert "• Spring tides follow the new moon." in page.text
    assert "for day in month:\n    print(day)" in page.text
    assert (page.language, page.script, page.license) == ("en", "Latn", "CC-BY-SA-4.0")


def test_everything_when_asked_for() -> None:
    assert "About us" in extract_page(ARTICLE.encode(), "text/html", HtmlExtraction(main_content=False)).text


def test_a_page_of_navigation_alone_gives_its_navigation() -> None:
    body = b"<body><nav><ul><li><a href='/a'>Harbour</a></li></ul></nav></body>"
    assert "Harbour" in extract_page(body, "text/html", HtmlExtraction()).text


def test_plain_text_is_taken_as_it_is() -> None:
    page = extract_page(b"# Heading\n\n1 < 2 &amp; so on\n", "text/markdown; charset=utf-8", HtmlExtraction())
    assert (page.title, page.text) == ("Heading", "# Heading\n\n1 < 2 &amp; so on")


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown"])
def test_tab_indentation_of_plain_text_is_kept(media_type: str) -> None:
    page = extract_page(b"func main() {\r\n\tif ok {\r\n\t\tgo()\r\n\t}\r\n}\r\n", media_type, HtmlExtraction())
    assert page.text == "func main() {\n    if ok {\n        go()\n    }\n}"


def test_the_type_is_guessed_when_the_server_sends_none() -> None:
    assert extract_page(ARTICLE.encode(), None, HtmlExtraction()).title == "Tide & Time"


def test_pydoc_pages_keep_their_docstrings_readable() -> None:
    import pydoc
    import textwrap

    body = pydoc.HTMLDoc().page("textwrap", pydoc.HTMLDoc().document(textwrap, "textwrap")).encode()
    text = extract_page(body, "text/html", HtmlExtraction()).text
    assert "Object for wrapping/filling text. The public interface consists of\nthe wrap() and fill() methods" in text
    assert "\u00a0" not in text
    assert "\t" not in text


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"%PDF-1.4", "application/pdf", "media type application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), None, "media type image/png"),
        (b"<p>" + b"x" * 2000, "text/html", "more than 1000 bytes"),
        (b"<html><body><script>1</script></body></html>", "text/html", "no text"),
        (b" \n\t", "text/plain", "no text"),
    ],
)
def test_what_gives_no_document_says_why(body: bytes, content_type: str | None, reason: str) -> None:
    with pytest.raises(UnusablePage, match=reason):
        extract_page(body, content_type, HtmlExtraction(max_bytes=1000))


@pytest.mark.parametrize("extractor", ["textmill", "resiliparse"])
@pytest.mark.parametrize("opening", ["<div>", "<b>", "<table><tr><td>", "<ul><li>", "<blockquote><p>", "<a><i>"])
def test_a_page_nested_without_end_ends(opening: str, extractor: str) -> None:
    body = (opening * 50_000 + "text").encode()
    settings = HtmlExtraction(extractor=extractor)
    extract_page(b"<p>text", "text/html", settings)
    started = time.process_time()
    if extractor == "textmill" and opening in {"<b>", "<a><i>"}:  # they hold nothing that is read otherwise
        assert extract_page(body, "text/html", settings).text == "text"
    else:
        with pytest.raises(UnusablePage, match="nested deeper than 512"):
            extract_page(body, "text/html", settings)
    assert time.process_time() - started < 8


def test_ten_thousand_options_do_not_stall_the_parser() -> None:
    started = time.process_time()
    body = "<select>" + "<option>a" * 100_000 + "</select><p>Choose a harbour from the list.</p>"
    assert "Choose a harbour" in extract_page(body.encode(), "text/html", HtmlExtraction()).text
    assert time.process_time() - started < 5


def test_long_lists_and_tables_are_not_taken_for_deep_ones() -> None:
    body = "<ul>" + "<li>harbour<br>" * 3000 + "</ul><table>" + "<tr><td>pier<p>" * 3000 + "</table>"
    assert extract_page(
        f"<p>Harbours and piers</p>{body}".encode(), "text/html", HtmlExtraction(main_content=False)
    ).text


def test_media_type() -> None:
    assert parse_media_type(" Text/HTML ; charset=x") == "text/html"
    assert parse_media_type(None) == ""


def test_code_in_plain_text_and_markdown_keeps_its_indentation() -> None:
    for kind in ("text/plain", "text/markdown"):
        page = extract_page(b"# Notes\r\n\r\n\tif x:\r\n\t\treturn 1\r\n", kind, HtmlExtraction())
        assert page.text == "# Notes\n\n    if x:\n        return 1"
