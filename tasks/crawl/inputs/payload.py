"""Parse HTTP responses as archives keep them: the status line, the headers, and the decoded body."""

import re
from email.utils import parsedate_to_datetime

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.content_encodings import (
    BodyTooLarge,
    DecodedBody,
    decode_body,
    unpack_undeclared,
)
from tasks.crawl.inputs.packing import DamagedData
from tasks.crawl.inputs.urls import BAD_ADDRESS, escape_url
from tasks.crawl.page import CrawledPage, parse_date_ms
from tasks.runtime.media_type import parse_media_type

TOO_LARGE = "too large"
UNREADABLE_RESPONSE = "unreadable response"
NO_RESPONSE = "no HTTP response"
# flaws: what a stored page was found to lack
CUT_OFF, NO_DATE = "body cut off", "no date"
# ICY: what SHOUTcast servers say for HTTP. Some servers leave out the text behind the status.
STATUS_LINE = re.compile(rb"\s*(?:HTTP/\d{1,2}(?:\.\d{1,2})?|ICY)[ \t]+(\d{3})(?!\d)[^\n]*", re.IGNORECASE)
HEAD_END = re.compile(rb"\n\r?\n")  # line ends should be \r\n (RFC 9112, 2.2), but some servers and writers send \n
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110, 5.6.2)


def parse_http_page(
    url: str | bytes, fetched_at: int | None, block: bytes, max_bytes: int, tally: Tally
) -> CrawledPage | None:
    """Parse a response with its HTTP head to a page; None, and counted, if it cannot be read or is too large.

    Without a date the header Date tells when it was fetched, and without that it counts as 1970.
    """
    status_line = STATUS_LINE.match(block)
    escaped_url = escape_url(url)
    if escaped_url is None:
        tally.count_skipped(BAD_ADDRESS)
        return None
    if status_line is None:
        tally.count_skipped(NO_RESPONSE)
        return None
    end = HEAD_END.search(block, status_line.end())
    headers = parse_headers(block[status_line.end() : end.start() if end else len(block)])
    head = CrawledPage(escaped_url, int(status_line[1]), headers, b"", 0)
    try:
        body = decode_payload(block[end.end() :] if end else b"", head, max_bytes)
    except DamagedData:
        tally.count_skipped(UNREADABLE_RESPONSE)
        return None
    except BodyTooLarge:
        tally.count_skipped(TOO_LARGE)
        return None
    flaws = [] if body.is_complete else [CUT_OFF]
    if fetched_at is None:
        flaws.append(NO_DATE)
        fetched_at = parse_http_date(head.get_header("date")) or 0
    return CrawledPage(head.url, head.status, headers, body.content, fetched_at, flaws=tuple(flaws))


def decode_payload(body: bytes, head: CrawledPage, max_bytes: int) -> DecodedBody:
    """Undo the encodings that the headers of a response name. Raises BodyTooLarge and DamagedData."""
    transfer_encoding, content_encoding = (
        ",".join(value for name, value in head.headers if name.lower() == wanted)
        for wanted in ("transfer-encoding", "content-encoding")
    )
    decoded = decode_body(body, transfer_encoding, content_encoding, max_bytes)
    media_type = parse_media_type(head.content_type)
    is_textual = not media_type or media_type.startswith("text/") or media_type.endswith("xml")
    return unpack_undeclared(decoded, max_bytes) if is_textual else decoded


def parse_headers(head: bytes) -> tuple[tuple[str, str], ...]:
    """Parse header lines as latin-1, which loses no byte. Lines without a proper name are left out."""
    headers: list[tuple[str, str]] = []
    for line in head.decode("latin-1").split("\n"):
        if line[:1] in (" ", "\t") and headers:  # continues the line before (RFC 9112, 5.2)
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon and HEADER_NAME.fullmatch(name.strip()):
            headers.append((name.strip(), value.strip()))
    return tuple(headers)


def parse_http_date(date: str | None) -> int | None:
    """Convert the date of an HTTP header to milliseconds since 1970; None when it is none."""
    try:
        return parse_date_ms(parsedate_to_datetime(date or ""))
    except (ValueError, TypeError, OverflowError):
        return None
