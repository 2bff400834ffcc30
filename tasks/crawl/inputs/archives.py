"""Read pages out of WARC, WET and ARC files."""

import logging
import re
from collections.abc import Iterator
from typing import BinaryIO

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.packing import DamagedData, open_unpacked
from tasks.crawl.inputs.payload import NO_DATE, NO_RESPONSE, TOO_LARGE, parse_http_page
from tasks.crawl.inputs.urls import BAD_ADDRESS, escape_url
from tasks.crawl.inputs.warc_records import (
    MAX_LINE_BYTES,
    PAGELESS_TYPES,
    RecordDamage,
    WarcRecord,
    read_block,
    read_warc_records,
)
from tasks.crawl.page import CrawledPage, guess_media_type, parse_date_ms
from tasks.runtime.media_type import parse_media_type

log = logging.getLogger("textmill.crawl")

PAYLOAD_TYPES = ("response", "resource", "conversion")
COUNTED_TYPES = ("revisit", "continuation")  # types without a payload of their own, counted by their name
DAMAGED_RECORD = "damaged record"
MAX_NAMED_RECORDS = 5  # damaged ones of an archive that the log names; all are counted
# URL, IP address, date, type, in version 2 further fields, and the length. URLs of old archives may hold blanks, so a
# date that is no date is told from them by its place.
ARC_HEADS = (
    re.compile(rb"(\S.*?) \S+ (\d{14,17}) \S+(?: .*)? (\d{1,20})\s*"),
    re.compile(rb"(\S.*) \S+ (\S+) \S+ (\d{1,20})\s*"),
)


class BrokenArchive(Exception):
    """An archive ends too early, is damaged, or is none."""


def read_archive_pages(
    file: BinaryIO,
    content_types: list[str],
    max_bytes: int,
    tally: Tally,
    *,
    is_arc: bool = False,
    skip_broken: bool = False,
) -> Iterator[CrawledPage]:
    """Yield the pages of a seekable archive: status 200 and one of the media types. Everything else is counted.

    Damaged WARC records are counted and left out when `skip_broken`, else BrokenArchive is raised.
    """
    pages = (
        read_arc_pages(file, max_bytes, tally)
        if is_arc
        else read_warc_pages(file, max_bytes, tally, skip_broken=skip_broken)
    )
    for page in pages:
        media_type = parse_media_type(page.content_type) or guess_media_type(page.body)
        if page.status != 200:
            tally.count_skipped(f"status {page.status}")
        elif media_type not in content_types:
            tally.count_skipped("content type")
        elif not page.body:
            tally.count_skipped("empty")
        else:
            tally.count_flaws(page.flaws)
            yield page


def read_warc_pages(file: BinaryIO, max_bytes: int, tally: Tally, *, skip_broken: bool) -> Iterator[CrawledPage]:
    number = num_damaged = 0
    for number, record in enumerate(read_warc_records(file, max_bytes), start=1):
        if isinstance(record, RecordDamage):
            if not skip_broken:
                raise BrokenArchive(f"record {number}: {record.reason}")
            tally.count_skipped(DAMAGED_RECORD)
            num_damaged += 1
            if num_damaged <= MAX_NAMED_RECORDS:
                log.warning("%s record %d is left out: %s", getattr(file, "name", "archive"), number, record.reason)
        elif page := parse_record(record, max_bytes, tally):
            yield page
    if not number:
        raise BrokenArchive("it is empty")


def parse_record(record: WarcRecord, max_bytes: int, tally: Tally) -> CrawledPage | None:
    """Return the page of a record; None when it has none, which is counted if that loses a page."""
    headers, block = record.headers, record.block
    kind = headers["warc-type"].lower()
    # WARC 1.0 had its writers, such as wget, put the URL in angle brackets
    url = headers.get("warc-target-uri", "").strip("<>").encode("utf-8", "surrogateescape")
    if kind in PAGELESS_TYPES:
        return None
    if kind not in PAYLOAD_TYPES:
        tally.count_skipped(kind if kind in COUNTED_TYPES else "unknown type of record")
    # a part of a page that was too long for one record: the parts are not put together
    elif "warc-segment-number" in headers:
        tally.count_skipped("segmented")
    elif block is None:
        tally.count_skipped(TOO_LARGE)
    elif not url:
        tally.count_skipped("no address")
    elif kind == "response":
        return parse_http_page(url, parse_date_ms(headers.get("warc-date")), block, max_bytes, tally)
    else:
        return make_plain_page(url, record, block, tally)
    return None


def make_plain_page(url: bytes, record: WarcRecord, block: bytes, tally: Tally) -> CrawledPage | None:
    """Return the page of a resource or conversion record, which has no HTTP head; None, and counted, if it is none."""
    escaped_url = escape_url(url)
    if escaped_url is None:
        tally.count_skipped(BAD_ADDRESS)
    elif not escaped_url.lower().startswith(("http://", "https://")):
        tally.count_skipped("not from the web")  # logs and manifests of the crawler that wrote the archive
    else:
        # ASCII, as a media type is: other bytes would be lone surrogates, which no index can hold
        content_type = (record.headers.get("content-type") or "text/plain").encode("ascii", "replace").decode()
        fetched_at = parse_date_ms(record.headers.get("warc-date"))
        flaws = (NO_DATE,) if fetched_at is None else ()
        headers = (("Content-Type", content_type),)
        return CrawledPage(escaped_url, 200, headers, block, fetched_at or 0, flaws=flaws)
    return None


def read_arc_pages(file: BinaryIO, max_bytes: int, tally: Tally) -> Iterator[CrawledPage]:
    """Yield the pages of an ARC file, as the Internet Archive wrote it before WARC.

    A record is a line that ends in a length, and then that many bytes.
    """
    stream = open_unpacked(file)
    try:
        line = stream.readline(MAX_LINE_BYTES)
        if not line:
            raise BrokenArchive("it is empty")
        while line:
            if line.strip():
                yield from read_arc_record(line, stream, max_bytes, tally)
            line = stream.readline(MAX_LINE_BYTES)
    except DamagedData as error:
        raise BrokenArchive(str(error)) from error


def read_arc_record(line: bytes, stream: BinaryIO, max_bytes: int, tally: Tally) -> Iterator[CrawledPage]:
    head = next(filter(None, (pattern.fullmatch(line) for pattern in ARC_HEADS)), None)
    if head is None:
        raise BrokenArchive(f"{line[:80]!r} is not the head of an ARC record")
    url, date, length = head.groups()
    block = read_block(stream, int(length), max_bytes)
    if block is None:
        tally.count_skipped(TOO_LARGE)
    # the record at the head of the ARC file describes the file itself
    elif url.startswith(b"filedesc:"):
        pass
    elif not block.startswith(b"HTTP/"):
        tally.count_skipped(NO_RESPONSE)
    elif page := parse_http_page(url, parse_date_ms(date[:14].decode("latin-1")), block, max_bytes, tally):
        yield page
