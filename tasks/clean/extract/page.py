"""One page: from bytes to title, text, language, script and licence."""

from typing import NamedTuple

from resiliparse.parse.encoding import detect_mime
from resiliparse.parse.html import HTMLTree

from tasks.clean.extract.html.markup import HtmlExtraction, extract_content
from tasks.clean.extract.html.nesting import estimate_nesting
from tasks.clean.extract.language import detect_languages, detect_script, sample_line
from tasks.clean.extract.license import detect_license, may_declare_license
from tasks.clean.extract.unusable import UnusablePage
from tasks.clean.whitespace import tidy_text, to_one_line
from tasks.input_files.encoding import decode_page
from tasks.runtime.media_type import parse_media_type

MARKUP_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
PLAIN_TYPES = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/x-rst"})


class ExtractedPage(NamedTuple):
    """Text and description of a page. The order of the fields is the order of the columns."""

    title: str
    text: str
    language: str
    language_score: float
    languages: list[str]
    script: str
    license: str | None


def extract_page(body: bytes, content_type: str | None, settings: HtmlExtraction, title: str = "") -> ExtractedPage:
    """Decode, parse and describe one page; `title` is used when the page has none. Raises UnusablePage."""
    kind = parse_media_type(content_type) or detect_mime(body)
    if kind not in MARKUP_TYPES | PLAIN_TYPES:
        raise UnusablePage(f"media type {kind}")
    if len(body) > settings.max_bytes:
        raise UnusablePage(f"more than {settings.max_bytes} bytes")
    source = decode_page(body, content_type)
    license_name = None
    if kind in PLAIN_TYPES:
        text = tidy_text(source, keep_tabs=True)
        title = to_one_line(title) or text.partition("\n")[0].lstrip("# ")[:200]
    else:
        own_title, text = extract_content(source, settings)
        title = own_title or to_one_line(title)
        license_name = find_license(source, settings)
    if not text:
        raise UnusablePage("no text")
    return ExtractedPage(title, text, *detect_languages(text), detect_script(sample_line(text)), license_name)


def find_license(source: str, settings: HtmlExtraction) -> str | None:
    """Find the page's licence; the page is parsed for its links only when it is not nested too deeply."""
    if not may_declare_license(source):
        return None
    tree = HTMLTree.parse(source) if estimate_nesting(source) <= settings.max_depth else None
    return detect_license(tree, source)
