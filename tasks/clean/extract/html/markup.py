"""HTML to text: four ways, one setting."""

import html
import re
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from tasks.block import Block
from tasks.clean.extract.html.lists import sink_lists
from tasks.clean.extract.html.nesting import is_deeper, nesting
from tasks.clean.extract.recurring_lines import Recurring
from tasks.clean.extract.unusable import Unusable
from tasks.clean.whitespace import one_line, tidy

OPTION = re.compile(r"</?option\b[^>]*>", re.IGNORECASE)
MOST_OPTIONS = 500


class HtmlExtraction(Block):
    """How a page becomes text."""

    extractor: Literal["textmill", "resiliparse", "trafilatura", "union"] = Field(
        "textmill",
        description="textmill is the fastest; trafilatura takes twenty times as long, and is made for articles; "
        "union is resiliparse's text with the lines that only trafilatura found",
    )
    main_content: bool = Field(True, description="leave out menus, headers, footers and advertisements")
    bullets: bool = Field(True, description="mark list items with a bullet or their number")
    image_texts: bool = Field(False, description="put in the alternative texts of images")
    comments: bool = Field(False, description="keep the comments of readers")
    post_meta: bool = Field(False, description="keep author lines, dates and tags of posts")
    most_bytes: int = Field(10_000_000, ge=1_000, description="a larger page is skipped and named in failed/")
    most_tags: int = Field(500_000, ge=1_000, description="a page with more tags is skipped and named in failed/")
    deepest: int = Field(512, ge=16, le=2048, description="a page with deeper nested elements is skipped and named")
    most_seconds: int = Field(
        20,
        ge=0,
        description="a page that takes longer, or ends its process, is skipped and named in failed/; 0: no limit, and "
        "no process of its own for reading pages",
    )
    recurring: Recurring = Recurring()
    """lines that recur over the pages of one host"""


class Content(NamedTuple):
    """What a reader sees of a page."""

    title: str
    text: str


def content(source: str, settings: HtmlExtraction) -> Content:
    """Title and text of a page of HTML by the extractor that is set. Raises Unusable."""
    if source.count("<") > settings.most_tags:
        raise Unusable(f"more than {settings.most_tags} tags")
    if settings.extractor == "textmill":
        return by_textmill(source, settings)
    found = by_resiliparse(source, settings)
    if settings.extractor == "resiliparse":
        return found
    text = by_trafilatura(source, settings)
    if settings.extractor == "union":
        return Content(found.title, union(found.text, text))
    return Content(found.title, text or found.text)


def by_textmill(source: str, settings: HtmlExtraction) -> Content:
    """Our own: no tree, a few passes over arrays."""
    from tasks.clean.extract.html.elements import elements_of  # noqa: PLC0415 - numba takes half a second, and `plan` needs none
    from tasks.clean.extract.html.lexer import tags_of  # noqa: PLC0415
    from tasks.clean.extract.html.main_content import left_out, unreadable  # noqa: PLC0415
    from tasks.clean.extract.html.render import rendered  # noqa: PLC0415
    from tasks.clean.extract.html.tags import TABLES  # noqa: PLC0415

    data = np.frombuffer(source.encode("utf-8", "replace"), np.uint8)
    tags, (start, stop) = tags_of(data, TABLES)
    elements, of_tag, deepest = elements_of(tags, TABLES)
    if deepest > settings.deepest:
        raise Unusable(f"nested deeper than {settings.deepest}")
    options = settings.bullets, settings.image_texts
    text = ""
    if settings.main_content:
        out = left_out(elements, TABLES, settings.comments, settings.post_meta)
        text = readable(rendered(data, tags, elements, of_tag, out, TABLES, options).tobytes())
    if not text:  # nothing looked like the main part: some is better than none
        text = readable(rendered(data, tags, elements, of_tag, unreadable(elements, TABLES), TABLES, options).tobytes())
    return Content(one_line(html.unescape(data[start:stop].tobytes().decode())), text)


def readable(text: bytes) -> str:
    """Characters for references, tidy."""
    decoded = text.decode()
    return tidy(html.unescape(decoded) if "&" in decoded else decoded)


def by_resiliparse(source: str, settings: HtmlExtraction) -> Content:
    """The rules of resiliparse, on a tree that lexbor builds."""
    if source.count("<option") + source.count("<OPTION") > MOST_OPTIONS:
        source = OPTION.sub(" ", source)  # the parser takes 90 s for 100,000 of them, and forms are left out anyway
    tree = HTMLTree.parse(source)
    if nesting(source) > settings.deepest and is_deeper(tree, settings.deepest):
        raise Unusable(f"nested deeper than {settings.deepest}")
    if settings.main_content:
        sink_lists(tree)
    text = tidy(plain_text(tree, settings, main_content=settings.main_content))
    if not text and settings.main_content:
        text = tidy(plain_text(tree, settings, main_content=False))
    return Content(one_line(tree.title or ""), text)


def plain_text(tree: HTMLTree, settings: HtmlExtraction, *, main_content: bool) -> str:
    text: str = extract_plain_text(
        tree,
        main_content=main_content,
        list_bullets=settings.bullets,
        alt_texts=settings.image_texts,
        comments=settings.comments,
        post_meta=settings.post_meta,
    )
    return text


def by_trafilatura(source: str, settings: HtmlExtraction) -> str:
    """The article that trafilatura finds, empty when it finds none; it always leaves out menus."""
    import trafilatura  # noqa: PLC0415 - it takes a second to import, and only who chose it pays

    return tidy(trafilatura.extract(source, include_comments=settings.comments) or "")


def union(text: str, other: str) -> str:
    """The lines of a text, and those that only another has, each after the line that precedes it there."""
    lines = text.split("\n")
    place = {words(line): number for number, line in reversed(list(enumerate(lines)))}
    added: dict[int, list[str]] = {}
    at = -1
    for line in other.split("\n"):
        if (found := place.get(words(line))) is not None:
            at = found
        elif words(line):
            added.setdefault(at, []).append(line)
    merged = added.get(-1, [])
    for number, line in enumerate(lines):
        merged += [line, *added.get(number, [])]
    return tidy("\n".join(merged))


def words(line: str) -> str:
    """A line without its bullet and bars: the extractors mark lists and tables differently."""
    return " ".join(re.findall(r"\w+", line))
