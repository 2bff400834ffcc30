"""Rows of tables as pages: which column holds what."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.page import CrawledPage, parse_date_ms
from tasks.errors import StageFailure

TITLE_HEADER = "X-Textmill-Title"  # percent-encoded UTF-8: a row's title, which plain text has no other place for
EMPTY, TOO_LARGE, NO_TEXT = "empty", "too large", "text column holds no text"
BROKEN_ROW, BROKEN_FILE = "broken row", "broken file"


@dataclass(frozen=True)
class Columns:
    """What the columns of a row mean, and how large a page may be. `meta.url` is the field `url` of a column `meta`."""

    text: str
    url: str
    title: str
    date: str
    is_html: bool
    most_bytes: int
    skips: bool  # count broken rows instead of ending with them
    section: str  # where these settings stand in a recipe

    def asked(self, names: list[str]) -> list[str]:
        """Those of a table's columns that are meant; all when none holds the text, so that they can be named."""
        meant = (self.text, self.url, self.title, self.date)
        outer = [name if name in names else name.partition(".")[0] for name in meant]
        return [name for name in dict.fromkeys(outer) if name in names] if outer[0] in names else names


def read_columns(settings: Any, section: str) -> Columns:
    """The columns that a source's settings name."""
    return Columns(
        text=settings.text_column,
        url=settings.url_column,
        title=settings.title_column,
        date=settings.date_column,
        is_html=settings.text_is == "html",
        most_bytes=int(settings.max_megabytes * 1e6),
        skips=settings.skip_broken,
        section=section,
    )


def fail_or_count(columns: Columns, tally: Tally, what: str, mend: str, reason: str = BROKEN_ROW) -> None:
    """Raise StageFailure, or count the row or file when broken ones are to be skipped."""
    if not columns.skips:
        raise StageFailure(what, f"{mend}, or set {columns.section}.skip_broken to leave it out")
    tally.skip(reason)


def convert_row(
    row: dict[str, Any], number: int, where: str, address: str, fetched_at: int, columns: Columns, tally: Tally
) -> CrawledPage | None:
    """A row as a page; None, and counted, when it gives none. `where` and `number` (from 0) name it in errors."""
    if not has_column(row, columns.text):
        what = f"{where} row {number + 1} has no column {columns.text!r}, but {', '.join(map(repr, row)) or 'none'}"
        fail_or_count(columns, tally, what, f"Set {columns.section}.text_column to the one that holds the text")
        return None
    text, url, title = (get_value(row, name) for name in (columns.text, columns.url, columns.title))
    date = parse_date_ms(get_value(row, columns.date))
    if text is not None and not isinstance(text, (str, bytes)):
        tally.skip(NO_TEXT)
        return None
    # a lone surrogate, which JSON can spell and UTF-8 cannot, becomes a question mark
    body = (text or "").encode("utf-8", "replace") if not isinstance(text, bytes) else text
    content_type = "text/html" if columns.is_html else "text/plain"
    headers = [("Content-Type", content_type if isinstance(text, bytes) else f"{content_type}; charset=utf-8")]
    if isinstance(title, str) and title:
        headers.append((TITLE_HEADER, quote(title, errors="replace")))
    page = CrawledPage(
        url=escape_url(url) if isinstance(url, str) and url else f"{address}#row-{number + 1}",
        status=200,
        headers=tuple(headers),
        body=body,
        fetched_at=fetched_at if date is None else date,
    )
    return check_size(page, columns.most_bytes, tally)


def check_size(page: CrawledPage, most_bytes: int, tally: Tally) -> CrawledPage | None:
    """The page; None, and counted, when it holds nothing or too much."""
    if page.body.strip() and len(page.body) <= most_bytes:
        return page
    tally.skip(TOO_LARGE if page.body.strip() else EMPTY)
    return None


def has_column(row: dict[str, Any], name: str) -> bool:
    """Whether a row has a column, or a column with such a field."""
    outer, dot, inner = name.partition(".")
    return name in row or bool(dot and isinstance(row.get(outer), dict) and has_column(row[outer], inner))


def get_value(row: dict[str, Any], name: str) -> Any:
    """What a column holds, or the field of a column; None when it is not there."""
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    return get_value(row[outer], inner) if dot and isinstance(row.get(outer), dict) else None


def escape_url(url: str) -> str:
    """A URL whose lone surrogates and unsafe characters are escaped."""
    return str(safe_url_string(url.encode("utf-8", "replace").decode()))
