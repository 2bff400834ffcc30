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


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<ol start=3><li>c<li>d</ol>", "3. c\n4. d"),
        ("<ol><li value=7>g<li>h<li value=-1>i<li>j</ol>", "7. g\n8. h\n-1. i\n0. j"),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ol reversed start=10><li>a<li>b</ol>", "10. a\n9. b"),
        ("<ol type=a start=26><li>x<li>y</ol>", "z. x\naa. y"),
        ("<ol type=A><li>x<li>y</ol>", "A. x\nB. y"),
        ("<ol type=i><li>x<li value=1994>y</ol>", "i. x\nmcmxciv. y"),
        ("<ol type=I start=0><li>x<li>y</ol>", "0. x\nI. y"),
        ("<ol start=' +5x'><li>a</ol>", "5. a"),
        ("<ol start=x><li>a</ol><ol start=99999999999><li>b</ol>", "1. a\n\n1. b"),
        ("<ol start=5><div><li>a</div><li>b</ol>", "5. a\n6. b"),
        ("<li>alone", "• alone"),
    ],
)
def test_ordered_lists_count_as_they_say(html: str, expected: str) -> None:
    assert render(html) == expected


@pytest.mark.parametrize(
    "item",
    ["", "<button>Open</button>", "<img src=x>", "<svg><text>x</text></svg>", "&nbsp;", "<ul></ul>", "<a href=/></a>"],
)
def test_an_item_without_words_leaves_no_mark(item: str) -> None:
    assert render(f"<p>a<ul><li>{item}</li></ul><p>b<ol><li>{item}</ol>c<div>d</div>") == "a\n\nb\n\nc\nd"
    assert render(f"<ul><li>one<li>{item}<li>two</ul>") == "• one\n• two"


def test_a_menu_that_is_left_out_leaves_no_mark() -> None:
    menu = "<ul class=menu><li><a href=/a>Home page</a></li><li><a href=/b>About</a></li></ul>"
    text = extract_by_textmill(f"<body>{menu}<div>{PROSE}</div>", HtmlExtraction()).text
    assert text.startswith("The harbour master")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<!-- x --!>b<!-- y -->c", "abc"),
        ("a<!--->b<!-->c<!-- -->d", "abcd"),
        ("a<!---->b<!--- x --->c<!----!>d", "abcd"),
        ("a<!-- x -- > - -> -!> y -->b", "ab"),
        ("a<!x>b<!-x>c<?y z?>d</ >e</3>f", "abcdef"),
        ("a<?-- x>b", "ab"),
        ("a<![CDATA[x>y]]>b", "ay]]>b"),
        ("a<svg><![CDATA[ <p> > ]]></svg>b<math><![CDATA[ > ]]></math>c", "abc"),
        ("a<svg class=icon/>b<svg/>c", "abc"),
        ("<script>'</scripts>' + 1</script >a", "a"),
        ("a<!-- never closed <p>b", "a"),
        ("a<!--", "a"),
        ("a<!-", "a"),
    ],
)
def test_comments_end_where_browsers_end_them(html: str, expected: str) -> None:
    assert render(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<ruby>東<rt>とう</rt>京<rt>きょう</rt></ruby>に行く", "東京に行く"),
        ("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>です", "漢字です"),
        ("<ruby>明日<rt>あした</ruby>は", "明日は"),
        ("<ruby><rb>好<rb>人<rtc><rt>hǎo<rt>rén</rtc></ruby>来", "好人来"),
        ("<ruby>base</ruby> <p>text", "base\n\ntext"),
    ],
)
def test_of_ruby_the_base_text_stays(html: str, expected: str) -> None:
    assert render(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h2>Install<a class=headerlink href=#i>¶</a></h2>", "Install"),
        ("<h2>Install <a href=#i>&para;</a></h2>", "Install"),
        ("<h2>Install<a class=header-anchor href=#i aria-hidden=true>#</a></h2>", "Install"),
        ("<h2><a class=permalink href=/post>The whole title</a></h2>", "The whole title"),
        ("<p>a <b hidden>b <b>c</b> d</b>e <i>f</i>", "a e f"),
        ("<p>a <a aria-hidden=true href=/>b</a> <em style='display:none'>c</em>d<p>e", "a d\n\ne"),
        (
            "<p>a <i aria-hidden=true>chevron_right</i> b <a aria-hidden=true href=/>a link for eyes</a>",
            "a b a link for eyes",
        ),
        ("<p>a <b hidden>never closed<p>b", "a\n\nb"),
        ("<p>a <a aria-hidden=false>b</a>", "a b"),
        ("<dialog>closed</dialog>a<dialog open>b</dialog>", "a\n\nb"),
        ("<details><summary>More</summary>text</details><template>no</template>", "More\ntext"),
    ],
)
def test_what_is_hidden_within_a_line_is_no_text(html: str, expected: str) -> None:
    assert render(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<table><tr><td class=linenos><pre>1\n2</pre></td><td class=code><pre>a = 1\nb = 2</pre></td></tr></table>",
            "a = 1\nb = 2",
        ),
        ("<pre><span class=lineno>1</span>x\n<span class='line-number'>2</span>    y</pre>", "x\n    y"),
        ("<pre><a class=lineno href=#1>1</a>x</pre>", "x"),
        ("<table><tr><td data-line-number=7>7<td>code()</table>", "code()"),
        ("<div class=gutter><p class=gutter>1</p><p class=lineno>2</p></div><p>a</p>", "a"),
        ("<div class=lineno><p class=gutter>1</p><p class=lineno>boats</p></div>", "boats"),
        ("<div class=gap-gutter--mobile>12</div>", "12"),
        ("<div class=gutter>1 harbour</div><div class=gutter><p>2</p><p>boats</p></div>", "1 harbour\n\n2\n\nboats"),
    ],
)
def test_line_numbers_of_code_are_no_text(html: str, expected: str) -> None:
    assert render(html) == expected


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_code_keeps_its_lines_whatever_ends_them(line_end: str) -> None:
    html = "<pre>" + line_end.join(["a:", "\tb  ", "\t\tc", "", "d"]) + "</pre>"
    assert render(html) == "a:\n    b\n        c\n\nd"


def test_a_style_is_read_to_its_end_and_no_further() -> None:
    assert render("<p style='color: red'>display : none; n e</p><p style='display'>: none</p>x") == (
        "display : none; n e\n\n: none\n\nx"
    )


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
        "<p style='a'>" * 100_000,
        "<b hidden>" * 200_000 + "</b>" * 200_000,
        "<math>" * 100_000,
        "<math><annotation encoding=tex>" * 50_000,
        "<sup>1" * 200_000,
        "<ruby><rt>" * 100_000,
        "<ol reversed><li>" * 60_000,
        f"<h1 id={'1-' * 500_000}x>1</h1>",
        "<h1 id=a>" * 500 + "<b>" * 300_000,
        "<div id=a class=b-c><p>" * 100_000,
        "<noscript>" + "<p>a b" * 200_000,
        "<i class=gutter>1" * 100_000,
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
    tags = (
        "<|>|</|<!--|-->|<p|<pre>|<td>|<li>|<ol>|<title>|</title>|<script|</pre>|<img|<a href| alt=|<sup>|</sup>|<sub>"
    )
    tags += (
        "|<math>|<math |</math>|<mfrac>|</m>|<annotation encoding=tex>|alttext=|<ruby>|<rt>|<b hidden>|</b>|<ol start="
    )
    tags += "|<li value=| class=gutter|--!>|<![CDATA[|]]>| type=I|<svg>| type=math/tex"
    pieces = [*tags.split("|"), *" \n\r\t'\"=é中&x/-−19", "&nbsp;"]
    for _ in range(2000):
        html = "".join(rng.choices(pieces, k=rng.randrange(60)))
        for settings in (WHOLE_PAGE, HtmlExtraction(alt_texts=True)):
            page = extract_by_textmill(html, settings)
            assert page.text == page.text.strip("\n")
            page.text.encode()
