"""Which names take a part of a page out of its text: whole ones, and no others."""

import pytest

from tasks.clean.extract.html.markup import HtmlExtraction, extract_by_textmill

RULES = HtmlExtraction(block_scores=False)
PROSE = (
    "<p>The harbour master keeps a list of every boat that lies at the pier, and writes down when it leaves.</p>" * 5
)
PART = "<p>Two old ferries still cross the bay every hour.</p>"


def is_kept(tag: str) -> bool:
    name = tag.partition(" ")[0]
    return "ferries" in extract_by_textmill(f"<body><div>{PROSE}<{tag}>{PART}</{name}>{PROSE}</div>", RULES).text


@pytest.mark.parametrize(
    "tag",
    [
        "div class=sidebar",
        "div class=leftSidebar",
        "div class='site-footer'",
        "div class='x share-buttons'",
        "div id=comments",
        "div class=comments-area",
        "div class=Cookie_Consent",
        "div role=navigation",
        "div class=sidebar1",
    ],
)
def test_a_name_that_says_nothing_else_takes_its_part_out(tag: str) -> None:
    assert not is_kept(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "div class='field field--label-hidden'",
        "div class=elementor-widget-wrap",
        "div class='widget Blog'",
        "div class=js_readmore",
        "div class=gallery-title-wrap",
        "div class=hidden-markov-models",
        "section id=using-cookies",
        "div class=category-news",
        "div class=has-sidebar",
        "div id=hidden",
        "div class=navy",
    ],
)
def test_a_part_of_a_longer_name_takes_nothing_out(tag: str) -> None:
    assert is_kept(tag)


def make_sections(*sections: tuple[str, str]) -> str:
    """A page of sections, each an id and a heading."""
    return "".join(
        f"<section id={name}><h2>{heading}<a href=#{name}>¶</a></h2>{PART}</section>" for name, heading in sections
    )


@pytest.mark.parametrize("name", ["comments", "s-comments", "section-comments", "comments-1", "user-content-comments"])
def test_an_id_that_was_made_from_a_heading_names_a_section(name: str) -> None:
    page = f"<body>{PROSE}{make_sections(('install', 'Install'), (name, 'Comments'), ('pagination', 'Pagination'))}"
    text = extract_by_textmill(page, RULES).text
    assert text.count("ferries") == 3
    assert "Comments" in text


def test_ids_before_on_and_within_the_heading_count_too() -> None:
    for part in (
        "<div class=section><span id=pagination></span><h2>Pagination</h2>",
        "<h2 id=pagination>Pagination</h2><div>",
        "<h2><span id=pagination>Pagination</span></h2><div>",
        "<div id=pagination><a></a><h2>Pagination</h2>",
    ):
        page = f"<body>{PROSE}<h2 id=boats>Boats</h2>{PART}{part}{PART}</div>"
        assert "Pagination" in extract_by_textmill(page, RULES).text, part


def test_the_place_where_readers_comment_is_no_section() -> None:
    page = f"<body><h1>Boats</h1>{PROSE}<div id=comments><h3>Comments</h3><p>I like the ferries.</p></div>{PROSE}"
    assert "ferries" not in extract_by_textmill(page, RULES).text


@pytest.mark.parametrize("settings", [RULES, HtmlExtraction()])
def test_a_page_for_those_without_scripts_is_read(settings: HtmlExtraction) -> None:
    posts = "".join(
        f"<div class=post><p>{n}. The ferry leaves at {n}, and it is full. Come early, or wait.</p></div>"
        for n in range(9)
    )
    page = f"<body><div id=app></div><noscript><h1>Ferries</h1>{posts}</noscript><script>start()</script>"
    assert "8. The ferry leaves" in extract_by_textmill(page, settings).text


def test_a_note_for_those_without_scripts_is_no_text() -> None:
    note = "<noscript><p>Please switch JavaScript on to use this site.</p></noscript>"
    assert "JavaScript" not in extract_by_textmill(f"<body>{note}{PROSE}", RULES).text
    assert extract_by_textmill(f"<body>{note}<div id=app></div>", RULES).text == ""
