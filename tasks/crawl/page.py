"""A page as the crawl stores it, and its row in the index."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypedDict

HTML = "text/html"
PAGE_TYPES = (HTML, "application/xhtml+xml", "text/plain", "text/markdown")
# Status of an index row whose payload lies elsewhere: a page that did not change since the previous snapshot, or one
# that repeats another page of the same crawl. Its record is a revisit without a payload, so there is nothing to clean;
# the record itself keeps the status that the server sent.
REVISIT_STATUS = 304
MIN_YEAR = 1000  # strftime writes earlier years with fewer than four digits
# Since the previous snapshot: gone is 404 or 410, moved redirects.
PageChange = Literal["new", "changed", "unchanged", "gone", "moved"]


class IndexRow(TypedDict):
    """A row of the index: where a page's record lies, and what a later crawl needs to ask whether the page changed."""

    url: str
    status: int
    digest: str  # blake2b-128 of the decoded payload, hex
    fetched_at: int  # milliseconds since 1970, UTC
    content_type: str | None
    etag: str | None
    last_modified: str | None
    warc: str  # relative to the artifact: warc/00000.warc.gz
    offset: int  # of the gzip member, bytes
    length: int
    change: PageChange | None  # None when it is no page and was none
    refers_to: str | None  # URL of the page that has the payload, when this record has none
    refers_to_at: int | None  # when that page was fetched, milliseconds since 1970, UTC
    num_links: int | None  # in the metadata record that follows; None when there is no such record


@dataclass(frozen=True, slots=True)
class CrawledPage:
    """A response with its payload decoded: chunking and compression are undone."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fetched_at: int  # milliseconds since 1970, UTC
    request_headers: tuple[tuple[str, str], ...] | None = None  # None when no request was sent
    ip_address: str | None = None  # of the server
    fetch_ms: int | None = None  # from the request to the head of the response
    flaws: tuple[str, ...] = ()  # why less was stored than the sender meant, such as a body that was cut off

    def get_header(self, name: str) -> str | None:
        """Return the first header with a name (in lower case); None when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def content_type(self) -> str | None:
        """All Content-Type headers, joined by commas as if they were one; None when there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == "content-type") or None

    @property
    def digest(self) -> str:
        """The blake2b-128 digest of the decoded payload, hex."""
        return hashlib.blake2b(self.body, digest_size=16).hexdigest()


def guess_media_type(body: bytes) -> str:
    """Guess the media type of a payload that came without one: HTML if it begins like HTML, else empty."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return HTML if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) else ""


def is_binary(body: bytes) -> bool:
    """Tell by its first bytes whether a payload is a binary file: PDF, PNG, GIF, JPEG, zip, gzip, RIFF, ELF.

    Servers often send such files as text/html.
    """
    return body.startswith(
        (b"%PDF-", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"\x7fELF")
    )


def format_warc_date(milliseconds: int) -> str:
    """Format milliseconds since 1970 as WARC 1.1 writes dates: `2026-01-31T12:00:00.123Z`."""
    # the milliseconds come from the integer: a float would round some of them
    date = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def parse_date_ms(date: object) -> int | None:
    """Convert a datetime or an ISO 8601 string to milliseconds since 1970; None for anything else.

    Dates without a time zone count as UTC. Years that cannot be written with four digits are no dates of a page.
    """
    try:
        if isinstance(date, str):
            # 14 digits: the form of ARC files, which some writers of WARC files keep
            is_compact = len(date) == 14 and date.isascii() and date.isdecimal()
            date = datetime.strptime(date, "%Y%m%d%H%M%S") if is_compact else datetime.fromisoformat(date)  # noqa: DTZ007 - below
        if not isinstance(date, datetime):
            return None
        date = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        return int(date.timestamp() * 1000) if date.year >= MIN_YEAR else None
    except (ValueError, OverflowError):
        return None
