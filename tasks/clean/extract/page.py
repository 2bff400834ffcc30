"""One page: from bytes to title, text, language, script and licence."""

from typing import NamedTuple

from resiliparse.parse.encoding import detect_mime
from resiliparse.parse.html import HTMLTree

from tasks.clean.extract.encoding import decoded
from tasks.clean.extract.html.markup import HtmlExtraction, content
from tasks.clean.extract.html.nesting import nesting
from tasks.clean.extract.language import languages_of, sample, script_of
from tasks.clean.extract.license import license_of, may_declare
from tasks.clean.extract.unusable import Unusable
from tasks.clean.whitespace import one_line, tidy

MARKUP = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
PLAIN = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/x-rst"})


class Page(NamedTuple):
    """What is in a page. The order of the fields is the order of the columns."""

    title: str
    text: str
    language: str
    language_score: float
    languages: list[str]
    script: str
    license: str | None


def media_type(content_type: str | None) -> str:
    """`Text/HTML; charset=utf-8` → `text/html`; empty when the server sent none."""
    return (content_type or "").partition(";")[0].strip().lower()


def page(body: bytes, content_type: str | None, settings: HtmlExtraction, title: str = "") -> Page:
    """Decode, parse and describe one page; `title` is for one that has none. Raises Unusable."""
    kind = media_type(content_type) or detect_mime(body)
    if kind not in MARKUP | PLAIN:
        raise Unusable(f"media type {kind}")
    if len(body) > settings.most_bytes:
        raise Unusable(f"more than {settings.most_bytes} bytes")
    source = decoded(body, content_type)
    license_name = None
    if kind in PLAIN:
        text = tidy(source)
        title = one_line(title) or text.partition("\n")[0].lstrip("# ")[:200]
    else:
        found, text = content(source, settings)
        title = found or one_line(title)
        license_name = declared_license(source, settings)
    if not text:
        raise Unusable("no text")
    return Page(title, text, *languages_of(text), script_of(sample(text)), license_name)


def declared_license(source: str, settings: HtmlExtraction) -> str | None:
    """The page's licence; only for links is the page parsed, and never when it is nested too deeply."""
    if not may_declare(source):
        return None
    parsed = HTMLTree.parse(source) if nesting(source) <= settings.deepest else None
    return license_of(parsed, source)
