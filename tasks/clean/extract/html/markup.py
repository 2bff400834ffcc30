"""HTML to text, by one of four extractors."""

import html
import re
from typing import Any, Literal, NamedTuple

from pydantic import Field
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from tasks.block import Block
from tasks.clean.extract.html.lists import sink_lists
from tasks.clean.extract.html.nesting import estimate_nesting, is_deeper
from tasks.clean.extract.recurring_lines import RecurringLines
from tasks.clean.extract.unusable import UnusablePage
from tasks.clean.whitespace import tidy_text, to_one_line

OPTION = re.compile(r"</?option\b[^>]*>", re.IGNORECASE)
MAX_OPTIONS = 500


class HtmlExtraction(Block):
    """Settings of how a page becomes text."""

    extractor: Literal["textmill", "resiliparse", "trafilatura", "union"] = Field(
        "textmill",
        description="textmill is the fastest; trafilatura takes twenty times as long, and is made for articles; "
        "union is resiliparse's text with the lines that only trafilatura finds",
    )
    main_content: bool = Field(True, description="leave out menus, headers, footers and advertisements")
    block_scores: bool = Field(
        True,
        description="select the main content by a learned score for each block of text, which knows more kinds of "
        "pages than the rules do; false: by rules alone. Of the extractor textmill",
    )
    bullets: bool = Field(True, description="mark list items with a bullet or their number")
    alt_texts: bool = Field(False, description="include the alternative texts of images")
    comments: bool = Field(False, description="keep the comments of readers")
    byline: bool = Field(False, description="keep author lines, dates and tags of posts")
    max_bytes: int = Field(10_000_000, ge=1_000, description="bytes; a larger page is skipped, and listed in failed/")
    max_tags: int = Field(500_000, ge=1_000, description="a page with more tags is skipped and listed in failed/")
    max_depth: int = Field(
        512, ge=16, le=2048, description="levels; a page nested deeper is skipped and listed in failed/"
    )
    timeout_seconds: int = Field(
        20,
        ge=0,
        description="seconds of CPU time for a page; one that takes longer, or kills its process, is tried again "
        "alone with three times as much, and then skipped and listed in failed/; 0: no limit, and pages are read "
        "without a process of their own",
    )
    recurring_lines: RecurringLines = RecurringLines()
    """removal of lines that recur over the pages of one host"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings; not `block_scores` at its default, so that an upgraded store keeps its keys."""
        fields = super().semantic()
        return {name: value for name, value in fields.items() if name != "block_scores" or not self.block_scores}


class PageContent(NamedTuple):
    """Title and text of a page."""

    title: str
    text: str


def extract_content(source: str, settings: HtmlExtraction) -> PageContent:
    """Extract title and text of an HTML page by the chosen extractor. Raises UnusablePage."""
    # an upper bound of the number of tags, known before anything is parsed
    if source.count("<") > settings.max_tags:
        raise UnusablePage(f"more than {settings.max_tags} tags")
    if settings.extractor == "textmill":
        return extract_by_textmill(source, settings)
    page = extract_by_resiliparse(source, settings)
    if settings.extractor == "resiliparse":
        return page
    article = extract_by_trafilatura(source, settings)
    if settings.extractor == "union":
        return PageContent(page.title, merge_lines(page.text, article))
    return PageContent(page.title, article or page.text)


def extract_by_textmill(source: str, settings: HtmlExtraction) -> PageContent:
    """Extract with Textmill's own reader: a few passes over arrays, without a tree."""
    from tasks.clean.extract.html.block_scores.selection import select_by_rules, select_by_scores  # noqa: PLC0415 - numba takes half a second, and `plan` needs none
    from tasks.clean.extract.html.page_arrays import find_unreadable_text, read_page_arrays, render_page  # noqa: PLC0415

    # a lone surrogate has no UTF-8, and becomes a question mark
    page = read_page_arrays(source.encode("utf-8", "replace"), settings.max_depth)
    text = ""
    if settings.main_content:
        select = select_by_scores if settings.block_scores else select_by_rules
        left_out = select(page, comments=settings.comments, byline=settings.byline)
        text = decode_references(render_page(page, left_out, settings.bullets, settings.alt_texts))
    if not text:  # no main content was found: take the complete page
        text = decode_references(render_page(page, find_unreadable_text(page), settings.bullets, settings.alt_texts))
    return PageContent(to_one_line(html.unescape(page.title.decode())), text)


def decode_references(text: bytes) -> str:
    """Decode the text and its character references, and tidy it."""
    decoded = text.decode()
    return tidy_text(html.unescape(decoded) if "&" in decoded else decoded)


def extract_by_resiliparse(source: str, settings: HtmlExtraction) -> PageContent:
    """Extract with the rules of resiliparse, on a tree built by lexbor."""
    if source.count("<option") + source.count("<OPTION") > MAX_OPTIONS:
        source = OPTION.sub(" ", source)  # the parser takes 90 s for 100,000 of them, and forms are left out anyway
    tree = HTMLTree.parse(source)
    if estimate_nesting(source) > settings.max_depth and is_deeper(tree, settings.max_depth):
        raise UnusablePage(f"nested deeper than {settings.max_depth}")
    if settings.main_content:
        sink_lists(tree)
    text = tidy_text(run_resiliparse(tree, settings, main_content=settings.main_content))
    if not text and settings.main_content:
        text = tidy_text(run_resiliparse(tree, settings, main_content=False))
    return PageContent(to_one_line(tree.title or ""), text)


def run_resiliparse(tree: HTMLTree, settings: HtmlExtraction, *, main_content: bool) -> str:
    """Call resiliparse's extraction with our settings."""
    text: str = extract_plain_text(
        tree,
        main_content=main_content,
        list_bullets=settings.bullets,
        alt_texts=settings.alt_texts,
        comments=settings.comments,
        post_meta=settings.byline,
    )
    return text


def extract_by_trafilatura(source: str, settings: HtmlExtraction) -> str:
    """Extract the article with trafilatura, an empty text when it finds none; it always leaves out menus."""
    import trafilatura  # noqa: PLC0415 - it takes a second to import, and few choose it

    return tidy_text(trafilatura.extract(source, include_comments=settings.comments) or "")


def merge_lines(text: str, other: str) -> str:
    """Return the lines of a text, and those only in another text, each after the line that precedes it there."""
    lines = text.split("\n")
    # reversed, so that the first of several equal lines stays in the dictionary
    first_index = {strip_marks(line): index for index, line in reversed(list(enumerate(lines)))}
    added: dict[int, list[str]] = {}  # lines of the other text, by the index of the line that they follow
    previous = -1
    for line in other.split("\n"):
        if (index := first_index.get(strip_marks(line))) is not None:
            previous = index
        elif strip_marks(line):
            added.setdefault(previous, []).append(line)
    merged = added.get(-1, [])
    for index, line in enumerate(lines):
        merged += [line, *added.get(index, [])]
    return tidy_text("\n".join(merged))


def strip_marks(line: str) -> str:
    """Return the words of a line without bullets and bars: the extractors mark lists and tables differently."""
    return " ".join(re.findall(r"\w+", line))
