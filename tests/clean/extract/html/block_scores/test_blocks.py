"""What a block of text is, and what is counted in it."""

import pytest

from tasks.clean.extract.html.block_scores.blocks import (
    COMMAS,
    KINDS,
    LINKED_WORDS,
    LINKS,
    SENTENCES,
    WORDS,
)
from tasks.clean.extract.html.block_scores.declared_kinds import KINDS_OF_TYPES, find_declared_kinds
from tasks.clean.extract.html.block_scores.selection import PageBlocks, describe_page_blocks
from tasks.clean.extract.html.block_scores.text_words import NUM_WORD_KINDS
from tasks.clean.extract.html.page_arrays import read_page_arrays


def describe(html: str) -> PageBlocks:
    return describe_page_blocks(read_page_arrays(html.encode(), 512))


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>one two<p>three<div>four <b>five</b> six</div>seven", [2, 1, 3, 1]),
        ("<p>one<br>two<br><br>three", [3]),
        ("<table><tr><td>one<td>two<tr><td>three</table>", [2, 1]),
        ("<table><tr><td><h2>one</h2><td>two</table>", [1, 1]),
        ("<p>one</p><script>two three</script><p hidden>four</p><p>five", [1, 1]),
        ("<p>a&nbsp;b&amp;c", [3]),
        ("<p>港口的船长每天早上检查所有的船", [8]),
        ("<p>  </p><div><img src=x></div>", []),
    ],
)
def test_a_block_is_the_text_between_block_level_tags(html: str, words: list[int]) -> None:
    assert describe(html).counts[:, WORDS].tolist() == words


def test_words_links_and_signs_are_counted() -> None:
    counts = describe("<p>The boats, all of them, leave. <a href=/a>Read more</a> now! <a href=/b>Here</a>").counts[0]
    assert (counts[WORDS], counts[LINKED_WORDS], counts[LINKS]) == (10, 3, 2)
    assert (counts[COMMAS], counts[SENTENCES]) == (2, 2)
    assert counts[KINDS + NUM_WORD_KINDS - 2] == 2, "the, of"
    chinese = describe("<p>早上，船离港。真的吗？好！一、二").counts[0]
    assert (chinese[COMMAS], chinese[SENTENCES]) == (2, 3)


def test_features_are_the_same_for_equal_pages_and_tell_blocks_apart() -> None:
    page = (
        "<nav><a href=/>Home</a></nav><main><h1>Boats</h1><p>The boats, all of them, leave in the morning.</p></main>"
    )
    first, second = describe(page), describe(page)
    assert (first.features == second.features).all()
    assert len({row.tobytes() for row in first.features}) == len(first.counts) == 3


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        ('<meta property="og:type" content="article">', {"article"}),
        ("<meta content='product' property='og:type'>", {"product"}),
        ('<script type="application/ld+json">{"@type": "QAPage", "x": {"@type":"Person"}}</script>',
         {"discussionforumposting", "person"}),
        ('<script>{"@type": "QAPage"}</script>', set()),
        ('<meta property="og:type"', set()),
        ('<script type="application/ld+json">{"@type', set()),
        ("", set()),
    ],
)  # fmt: skip
def test_declared_kinds_are_read_from_the_head(head: str, kinds: set[str]) -> None:
    start = head.find("<script")
    bits = find_declared_kinds(head.encode(), [(start, len(head))] if start >= 0 else [])
    names = [line.split()[0] for line in KINDS_OF_TYPES.strip().splitlines()]
    assert {name for number, name in enumerate(names) if bits >> number & 1} == kinds
