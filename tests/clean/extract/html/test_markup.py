"""What a reader sees of a page, by every extractor; and what browsers make of markup that is not as it should be."""

import contextlib
import random
import time

import pytest

from tasks.clean.extract.html.markup import HtmlExtraction, extract_by_textmill, extract_content, merge_lines
from tasks.clean.extract.unusable import UnusablePage

WHOLE_PAGE = HtmlExtraction(main_content=False)


def render(html: str, settings: HtmlExtraction = WHOLE_PAGE) -> str:
    return extract_by_textmill(html, settings).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one<p>two<div>three</div>four", "one\n\ntwo\nthree\nfour"),
        ("a<br>b<hr>c", "a\nb\nc"),
        ("a <b>bold</b>, <i>i</i>talic\n\n  words", "a bold, italic words"),
        ("<h1>Title</h1><p>Text", "Title\n\nText"),
        ("1 < 2 &amp;&lt; &#233;&nbsp;&nbsp;x &copy y <3", "1 < 2 &< é x © y <3"),
        ("<!-- <p>no --> a <!doctype html><?php echo '>' ?> b <!--> c", "a ' ?> b c"),
        ("<script>if (a < b) '</p>'</script>x<style>p {}</style><title>T</title>y", "xy"),
        ("<SCRIPT>1</ScRiPt >a<textarea><p>b</textarea>c", "ac"),
        ("<script>never closed <p>x", ""),
        ("<p title=\"a > b\" class='x' checked data-x=1/>y", "y"),
        ("<p hidden>a</p>b<p style='color: red; DISPLAY : none'>c</p><p aria-hidden=true>d</p>e", "b\n\ne"),
        ("<noscript>a</noscript><svg><text>b</text></svg><button>c</button>d", "d"),
        ("<div><p>a</div></p></span>b", "a\n\nb"),
        ("unclosed <a href='x", "unclosed"),
        ("a\x00b\r\nc", "a b c"),
    ],
)
def test_markup_becomes_what_a_reader_sees(html: str, expected: str) -> None:
    assert render(html) == expected


def test_lists_keep_their_marks_and_their_depth() -> None:
    html = "<ul><li>one<li><p>two</p><ul><li>inner</ul></ul>after<ol><li>a<li>b<ol><li>c</ol><li>d</ol>"
    assert render(html) == "• one\n• two\n  • inner\n\nafter\n\n1. a\n2. b\n  1. c\n3. d"
    assert render("<ul><li>one<li>two</ul>", HtmlExtraction(main_content=False, bullets=False)) == "one\ntwo"


def test_tables_are_a_line_a_row() -> None:
    html = (
        "<p>t<table><caption>Tides</caption><thead><tr><th>Day<th>Time</thead><tr><td><p>Monday</p><td>6<br>18</table>x"
    )
    assert render(html) == "t\n\nTides\nDay | Time\nMonday | 6 18\n\nx"


def test_a_table_for_layout_is_no_table() -> None:
    html = "<table><tr><td><h2>News</h2><p>one</p><p>two</p><td><ul><li>menu</ul></table>"
    assert render(html) == "News\n\none\n\ntwo\n\n• menu"


def test_an_end_tag_in_a_cell_closes_nothing_outside() -> None:
    assert render("<div hidden><table><tr><td>a</div>b</table></div>c" + "d" * 9) == "c" + "d" * 9


def test_code_keeps_its_lines_and_indentation() -> None:
    html = "<p>So:</p><pre>\nfor x in y:\n    if x:\n\t\treturn <b>x</b>  # why\n\n\n\nend\n</pre><p>Done."
    assert render(html) == "So:\n\nfor x in y:\n    if x:\n        return x # why\n\nend\n\nDone."


def test_code_in_spaces_that_do_not_break_keeps_its_lines_too() -> None:
    html = (
        "<td>For example:<br>\n&nbsp;<br>\n&nbsp;&nbsp;if x:<br>\n\u00a0\u00a0 &nbsp;return&nbsp;1<br><br>Then<br>so on"
    )
    assert render(html) == "For example:\n\n  if x:\n    return 1\n\nThen\nso on"
    assert render("<table><tr><td>a<td>&nbsp;<td>b<tr><td>&nbsp;c</table>") == "a | | b\nc"


def test_texts_of_images_when_asked_for() -> None:
    html = "<p>a</p><img src=x alt='a boat &amp; pier'>b<img alt=''>"
    assert render(html) == "a\n\nb"
    assert render(html, HtmlExtraction(main_content=False, alt_texts=True)) == "a\n\na boat & pier b"


PROSE = (
    "<p>The harbour master keeps a list of every boat that lies at the pier, and writes down when it leaves.</p>" * 5
)
PAGE = (
    "<html><head><title>A &amp; B</title></head><body><header><h1>Site</h1></header>"
    "<nav><a href=/>Home page</a></nav><div class='leftSidebar'>Side text</div>"
    f"<div id=content><article><header><h2>Boats</h2></header>{PROSE}<p class=byline>By Ann</p></article></div>"
    "<section class='comments'><p>I like boats.</p></section>"
    "<ul><li><a href=1>Other story</a><li><a href=2>One more story</a></ul><footer>Imprint</footer>"
)


@pytest.mark.parametrize("extractor", ["textmill", "resiliparse", "trafilatura", "union"])
def test_every_extractor_finds_the_article(extractor: str) -> None:
    page = extract_content(PAGE, HtmlExtraction(extractor=extractor))  # type: ignore[arg-type]
    assert page.title == "A & B"
    assert "The harbour master" in page.text
    assert "Imprint" not in page.text
    assert "Home page" not in page.text


def test_what_is_not_the_article_is_left_out_and_comes_back_when_asked_for() -> None:
    text = extract_by_textmill(PAGE, HtmlExtraction()).text
    assert text.startswith("Boats\n\nThe harbour")
    for word in ("Site", "Side text", "By Ann", "I like boats", "Other story"):
        assert word not in text
    assert "By Ann" in extract_by_textmill(PAGE, HtmlExtraction(byline=True)).text
    assert "Other story" in render(PAGE)


def test_a_page_that_is_called_a_sidebar_is_still_a_page() -> None:
    assert (
        "harbour master"
        in extract_by_textmill(f"<body class=has-sidebar><div class='sidebar'>{PROSE}</div>", HtmlExtraction()).text
    )


def test_a_page_of_links_gives_its_links() -> None:
    links = "".join(f"<li><a href={n}>Harbour number {n}</a>" for n in range(20))
    assert "Harbour number 19" in extract_by_textmill(f"<ul>{links}</ul>", HtmlExtraction()).text


def test_the_union_puts_lines_where_they_belong() -> None:
    assert merge_lines("• a\n\nb\nd", "- a\nb\nc") == "• a\n\nb\nc\nd"
    assert merge_lines("b", "a\nb") == "a\nb"
    assert merge_lines("", "a") == "a"


def test_too_many_tags_say_so() -> None:
    with pytest.raises(UnusablePage, match="more than 1000 tags"):
        extract_content("<b>" * 1001, HtmlExtraction(max_tags=1000))


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 300_000 + "x",
        "<section><table><td>" + "<div>" * 100_000 + "</section>" * 100_000,
        "<ul>" + "<li>" * 200_000,
        "<p>" * 200_000 + "</p>" * 200_000,
        "<a href=x>" * 200_000,
        "<table><tr><td>" * 60_000,
        "<!--" * 200_000,
        "<b x='" * 200_000,
        "<" * 1_000_000,
        "<select>" + "<option>a" * 200_000,
    ],
)
def test_no_nesting_takes_more_than_linear_time(html: str) -> None:
    render("<p>warm")
    started = time.process_time()
    with contextlib.suppress(UnusablePage):  # "nested deeper than 512" is an answer too
        extract_by_textmill(html, HtmlExtraction())
    assert time.process_time() - started < 4


def test_any_bytes_between_tags_become_text() -> None:
    rng = random.Random(1)
    tags = "<|>|</|<!--|-->|<p|<pre>|<td>|<li>|<ol>|<title>|</title>|<script|</pre>|<img|<a href| alt="
    pieces = [*tags.split("|"), *" \n\t'\"=é中&x/", "&nbsp;"]
    for _ in range(2000):
        html = "".join(rng.choices(pieces, k=rng.randrange(60)))
        for settings in (WHOLE_PAGE, HtmlExtraction(alt_texts=True)):
            page = extract_by_textmill(html, settings)
            assert page.text == page.text.strip("\n")
            page.text.encode()
