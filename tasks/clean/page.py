"""One page: from bytes to title, text, language, script and licence."""

import re
from typing import NamedTuple

from pydantic import Field
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_mime
from resiliparse.parse.html import HTMLTree

from tasks.block import Block
from tasks.clean.encoding import decoded
from tasks.clean.language import language_of, sample, script_of
from tasks.clean.license import license_of
from tasks.clean.lists import sink_lists
from tasks.clean.nesting import is_deeper, nesting
from tasks.clean.tidy import one_line, tidy

MARKUP = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/x-rst"})
OPTION = re.compile(r"</?option\b[^>]*>", re.IGNORECASE)
MOST_OPTIONS = 500


class Extract(Block):
    """How a page becomes text."""

    main_content: bool = Field(True, description="leave out menus, headers, footers and advertisements")
    bullets: bool = Field(True, description="mark list items with a bullet or their number")
    image_texts: bool = Field(False, description="put in the alternative texts of images")
    comments: bool = Field(False, description="keep the comments of readers")
    post_meta: bool = Field(False, description="keep author lines, dates and tags of posts")
    most_bytes: int = Field(10_000_000, ge=1_000, description="a larger page is skipped and named in failed/")
    deepest: int = Field(512, ge=16, le=2048, description="a page with deeper nested elements is skipped and named")


class Page(NamedTuple):
    """What is in a page. The order of the fields is the order of the columns."""

    title: str
    text: str
    language: str
    language_score: float
    script: str
    license: str | None


class Unusable(Exception):
    """Why a page gives no document; the reason is counted, so it names kinds, not instances."""


def media_type(content_type: str | None) -> str:
    """`Text/HTML; charset=utf-8` → `text/html`; empty when the server sent none."""
    return (content_type or "").partition(";")[0].strip().lower()


def page(body: bytes, content_type: str | None, settings: Extract) -> Page:
    """Decode, parse and describe one page. Raises Unusable."""
    kind = media_type(content_type) or detect_mime(body)
    if kind not in MARKUP | PLAIN:
        raise Unusable(f"media type {kind}")
    if len(body) > settings.most_bytes:
        raise Unusable(f"more than {settings.most_bytes} bytes")
    source = decoded(body, content_type)
    title, text, license_name = _plain(source) if kind in PLAIN else _markup(source, settings)
    if not text:
        raise Unusable("no text")
    line = sample(text)
    return Page(title, text, *language_of(line), script_of(line), license_name)


def _plain(source: str) -> tuple[str, str, None]:
    text = tidy(source)
    return text.partition("\n")[0].lstrip("# ")[:200], text, None


def _markup(source: str, settings: Extract) -> tuple[str, str, str | None]:
    if source.count("<option") + source.count("<OPTION") > MOST_OPTIONS:
        source = OPTION.sub(" ", source)  # the parser takes 90 s for 100,000 of them, and forms are left out anyway
    tree = HTMLTree.parse(source)
    if nesting(source) > settings.deepest and is_deeper(tree, settings.deepest):
        raise Unusable(f"nested deeper than {settings.deepest}")
    if settings.main_content:
        sink_lists(tree)
    text = tidy(_text(tree, settings, main_content=settings.main_content))
    if not text and settings.main_content:  # nothing looked like the main part: some is better than none
        text = tidy(_text(tree, settings, main_content=False))
    return one_line(tree.title or ""), text, license_of(tree, source)


def _text(tree: HTMLTree, settings: Extract, *, main_content: bool) -> str:
    text: str = extract_plain_text(
        tree,
        main_content=main_content,
        list_bullets=settings.bullets,
        alt_texts=settings.image_texts,
        comments=settings.comments,
        post_meta=settings.post_meta,
    )
    return text
