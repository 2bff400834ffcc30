"""One fetched page, whatever it came from."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypedDict

HTML = "text/html"
PAGE_TYPES = (HTML, "application/xhtml+xml", "text/plain", "text/markdown")
# Status of an index row whose payload lies elsewhere: a page that did not change since the snapshot before, or one that
# repeats another page of the same crawl. Its record is a revisit without a payload, so there is nothing to clean; the
# record keeps the status that the server sent.
REVISIT_STATUS = 304
PageChange = Literal["new", "changed", "unchanged", "gone", "moved"]


class IndexRow(TypedDict):
    """One row of the index: where a page's record lies, and what a later crawl needs to ask whether it changed."""

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
    change: (
        PageChange | None
    )  # since the snapshot before: gone is 404 or 410, moved redirects; None when it was no page
    refers_to: str | None  # url of the page that has the payload, when this record has none
    refers_to_at: int | None  # when that was fetched
    num_links: int | None  # in the metadata record that follows; None when there is none


@dataclass(frozen=True, slots=True)
class CrawledPage:
    """A response with its payload decoded: neither chunked nor compressed any more."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fetched_at: int  # milliseconds since 1970, UTC
    request: tuple[tuple[str, str], ...] | None = None  # headers that were sent; None when nothing was asked
    address: str | None = None
    fetch_ms: int | None = None  # milliseconds from the request to the answer's head

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def digest(self) -> str:
        """blake2b-128 of the decoded payload, hex."""
        return hashlib.blake2b(self.body, digest_size=16).hexdigest()


def parse_media_type(content_type: str | None) -> str:
    """`Text/HTML; charset=utf-8` → `text/html`; empty when there is none."""
    return (content_type or "").split(";")[0].strip().lower()


def guess_media_type(body: bytes) -> str:
    """The media type of a payload that came without one: HTML if it begins like it."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return HTML if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) else ""


def is_binary(body: bytes) -> bool:
    """Whether a payload is no text, whatever its type says: PDF, PNG, GIF, JPEG, zip, gzip, RIFF, ELF."""
    return body.startswith(
        (b"%PDF-", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"\x7fELF")
    )


def format_warc_date(milliseconds: int) -> str:
    """The date as WARC 1.1 writes it."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def parse_date_ms(date: object) -> int | None:
    """A date, or one as ISO 8601 writes it, in milliseconds since 1970 (UTC unless it says otherwise); else None."""
    if isinstance(date, str):
        try:
            date = datetime.fromisoformat(date)
        except ValueError:
            return None
    if not isinstance(date, datetime):
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)
