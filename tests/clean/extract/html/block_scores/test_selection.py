"""Whom the selection follows: the score, the rules, or both."""

import numpy as np
import pytest

from tasks.clean.extract.html.block_scores.selection import (
    SHIPPED_MODELS,
    Models,
    choose_blocks,
    describe_page_blocks,
    is_english,
)
from tasks.clean.extract.html.block_scores.tree_file import Trees
from tasks.clean.extract.html.block_scores.trees import pack_trees
from tasks.clean.extract.html.markup import HtmlExtraction, extract_by_textmill
from tasks.clean.extract.html.page_arrays import read_page_arrays

ENGLISH = (
    "<p>The harbour master keeps a list of every boat that lies at the pier, and writes down when it leaves.</p>" * 4
)
GERMAN = (
    "<p>Der Hafenmeister führt eine Liste der Boote, die an der Mole liegen, und schreibt auf, wann sie fahren.</p>" * 4
)
CHINESE = "<p>港务长记录每一艘停在码头的船，也写下它们离开的时间。</p>" * 8
FRENCH_ASCII = "<p>Les bateaux sont dans le port, et le patron ecrit une liste de ceux que le vent retient.</p>" * 4
MENU = "<div class=sidebar><p>All the boats that we have seen</p></div>"


def make_leaf(score: int) -> tuple[object, object, object]:
    """A tree with one leaf."""
    return pack_trees(
        Trees(np.array([(0, 0)], np.int32), np.array([(0, 255, 0)], np.int32), np.array([score], np.int32))
    )


YES, NO = make_leaf(2000), make_leaf(-2000)


def choose(html: str, blocks: object, articles: object, documentation: object) -> list[bool]:
    """Whether a menu, and prose after it, are kept."""
    described = describe_page_blocks(read_page_arrays(f"<body>{MENU}<div>{html}</div>".encode(), 512))
    kept = choose_blocks(described, Models(blocks, articles, documentation)).tolist()  # type: ignore[arg-type]
    assert len(set(kept[1:])) == 1
    return kept[:2]


def test_on_a_page_of_no_known_kind_the_score_decides() -> None:
    assert choose(ENGLISH, YES, NO, NO) == [True, True]
    assert choose(ENGLISH, NO, NO, NO) == [False, False]


def test_of_an_article_stays_what_rules_and_score_keep() -> None:
    assert choose(ENGLISH, YES, YES, NO) == [False, True]
    assert choose(ENGLISH, NO, YES, NO) == [False, False]


def test_of_documentation_stays_what_rules_or_score_keep() -> None:
    assert choose(ENGLISH, NO, NO, YES) == [False, True]
    assert choose(ENGLISH, YES, NO, YES) == [True, True]


@pytest.mark.parametrize("text", [GERMAN, CHINESE, FRENCH_ASCII])
def test_of_pages_in_other_languages_the_score_takes_nothing_away(text: str) -> None:
    assert choose(text, NO, NO, NO) == choose(text, NO, YES, NO) == [False, True]


def test_english_is_told_from_other_languages_by_its_frequent_words() -> None:
    def decide(html: str) -> bool:
        return is_english(describe_page_blocks(read_page_arrays(html.encode(), 512)))

    assert decide(ENGLISH)
    assert decide(ENGLISH * 10 + CHINESE[:20])
    assert decide(f"<!doctype html><html class=x lang=en-GB>{ENGLISH}")
    assert not decide(f"<!doctype html>\n<HTML dir=ltr LANG = 'zh-TW'>{ENGLISH}")
    assert not decide(f"<title>12.2. 虛擬化</title>{ENGLISH}")
    assert not any(map(decide, (GERMAN, CHINESE, FRENCH_ASCII, ENGLISH + 3 * CHINESE, "<p>ls -l /tmp</p>")))


@pytest.mark.parametrize("text", [GERMAN, CHINESE])
def test_the_shipped_model_loses_nothing_of_documentation_that_the_rules_keep(text: str) -> None:
    code = "<pre>apt install x</pre><table><tr><td>a<td>b</table>"
    page = f"<body><nav><a href=/>x</a></nav><h1>1</h1>{text}{code}{text}"
    by_rules = extract_by_textmill(page, HtmlExtraction(block_scores=False)).text
    by_scores = extract_by_textmill(page, HtmlExtraction()).text
    assert set(by_rules.split("\n")) <= set(by_scores.split("\n"))
    assert "apt install x" in by_scores


def test_a_row_of_which_the_rules_keep_a_cell_is_kept_whole() -> None:
    row = "<tr><td><a href=/boats>The boats of the harbour and of the bay</a></td><td>{}</td></tr>"
    table = "<table>" + "".join(row.format(f"两艘船在第{number}个码头") for number in range(9)) + "</table>"
    described = describe_page_blocks(read_page_arrays(f"<body>{CHINESE}{table}".encode(), 512))
    models = Models(NO, NO, NO)  # type: ignore[arg-type]
    assert choose_blocks(described, models).all()


def test_bylines_and_comments_follow_their_settings() -> None:
    page = (
        "<head><meta property=og:type content=article></head><body><article><h1>Boats</h1><p class=byline>By Ann Smith"
        f"</p>{ENGLISH}</article><section class=comments><h2>Comments</h2><p>I like boats, and piers.</p></section>"
    )
    text = extract_by_textmill(page, HtmlExtraction()).text
    assert "harbour" in text
    assert "By Ann" not in text
    assert "I like" not in text
    assert "By Ann" in extract_by_textmill(page, HtmlExtraction(byline=True)).text
    assert "I like" in extract_by_textmill(page, HtmlExtraction(comments=True)).text


def test_the_posts_of_a_forum_are_its_text() -> None:
    post = (
        "<div class='comment message' id=post{0}><div class=user>anna{0}</div><div class='comment-body'>"
        "<p>I tied my boat to the pier, and the wind turned it around {0} times. What can I do now?</p></div></div>"
    )
    posts = "".join(post.format(number) for number in range(12))
    page = f"<body><nav><ul><li><a href=/>Forums</a></ul></nav><div class=thread><h1>My boat turns</h1>{posts}</div>"
    text = extract_by_textmill(page, HtmlExtraction()).text
    assert text.count("I tied my boat") == 12


def test_scores_do_not_depend_on_what_was_read_before() -> None:
    page = f"<body>{MENU}<div>{ENGLISH}</div>".encode()
    first = describe_page_blocks(read_page_arrays(page, 512))
    choose_blocks(describe_page_blocks(read_page_arrays(CHINESE.encode(), 512)), SHIPPED_MODELS)
    second = describe_page_blocks(read_page_arrays(page, 512))
    assert (choose_blocks(first, SHIPPED_MODELS) == choose_blocks(second, SHIPPED_MODELS)).all()
