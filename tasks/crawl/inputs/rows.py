"""Convert rows of tables to pages."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.urls import BAD_ADDRESS, escape_url
from tasks.crawl.page import CrawledPage, parse_date_ms
from tasks.errors import StageFailure

TITLE_HEADER = "X-Textmill-Title"  # percent-encoded UTF-8: a row's title, for which plain text has no other place
MAX_TITLE_CHARACTERS = 1500  # of which each takes up to 12 bytes in the header
EMPTY, TOO_LARGE, NO_TEXT = "empty", "too large", "text column holds no text"
BROKEN_ROW, BROKEN_FILE = "broken row", "broken file"


@dataclass(frozen=True)
class Columns:
    """The columns of a row that hold text, URL, title and date. `meta.url` is the field `url` of a column `meta`."""

    text: str
    url: str
    title: str
    date: str
    is_html: bool
    max_bytes: int  # of a page
    skip_broken: bool  # count broken rows instead of failing
    encoding: str  # of tables and pages in files; empty: guessed
    section: str  # place of these settings in a recipe, for errors

    def select(self, names: list[str]) -> list[str]:
        """Return the columns of a table that are mapped.

        All are returned when none of them holds the text, so that the error can name them.
        """
        mapped = (self.text, self.url, self.title, self.date)
        outer_names = [name if name in names else name.partition(".")[0] for name in mapped]
        return [name for name in dict.fromkeys(outer_names) if name in names] if outer_names[0] in names else names


def fail_or_count(columns: Columns, tally: Tally, message: str, hint: str, reason: str = BROKEN_ROW) -> None:
    """Raise StageFailure for a broken row or file, or count it when broken ones are skipped."""
    if not columns.skip_broken:
        raise StageFailure(message, f"{hint}, or set {columns.section}.on_error to skip to leave it out")
    tally.count_skipped(reason, place=message)


def convert_row(
    row: dict[str, Any], number: int, source: str, base_url: str, fetched_at: int, columns: Columns, tally: Tally
) -> CrawledPage | None:
    """Convert a row to a page; None, and counted, when it gives none.

    `source` and `number` (from 0) name the row in errors. A row without URL gets one from `base_url` and its number, a
    row without date `fetched_at` (milliseconds since 1970).
    """
    if not has_column(row, columns.text):
        names = ", ".join(map(repr, row)) or "none"
        message = f"{source} row {number + 1} has no column {columns.text!r}, but {names}"
        fail_or_count(columns, tally, message, f"Set {columns.section}.text_column to the one that holds the text")
        return None
    text, url, title = (get_value(row, name) for name in (columns.text, columns.url, columns.title))
    date = parse_date_ms(get_value(row, columns.date))
    if text is not None and not isinstance(text, (str, bytes)):
        tally.count_skipped(NO_TEXT, place=f"row {number + 1}")
        return None
    # a lone surrogate, which JSON can spell and UTF-8 cannot, becomes a question mark
    body = (text or "").encode("utf-8", "replace") if not isinstance(text, bytes) else text
    content_type = "text/html" if columns.is_html else "text/plain"
    headers = [("Content-Type", content_type if isinstance(text, bytes) else f"{content_type}; charset=utf-8")]
    if isinstance(title, str) and title:
        headers.append((TITLE_HEADER, quote(title[:MAX_TITLE_CHARACTERS], errors="replace")))
    page_url = escape_url(url) if isinstance(url, str) and url else f"{base_url}#row-{number + 1}"
    if page_url is None:
        tally.count_skipped(BAD_ADDRESS, place=f"row {number + 1}")
        return None
    page = CrawledPage(
        url=page_url,
        status=200,
        headers=tuple(headers),
        body=body,
        fetched_at=fetched_at if date is None else date,
    )
    return check_size(page, columns.max_bytes, tally, place=f"row {number + 1}")


def check_size(page: CrawledPage, max_bytes: int, tally: Tally, *, place: str = "") -> CrawledPage | None:
    """Return the page; None, and counted, when it is blank or too large."""
    if page.body.strip() and len(page.body) <= max_bytes:
        return page
    tally.count_skipped(TOO_LARGE if page.body.strip() else EMPTY, place=place)
    return None


def has_column(row: dict[str, Any], name: str) -> bool:
    """Return whether a row has a column of that name, or a column with such a field."""
    outer, dot, inner = name.partition(".")
    return name in row or bool(dot and isinstance(row.get(outer), dict) and has_column(row[outer], inner))


def get_value(row: dict[str, Any], name: str) -> Any:
    """Return the value of a column, or of a field of a column; None when there is none."""
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    return get_value(row[outer], inner) if dot and isinstance(row.get(outer), dict) else None
