"""Read pages out of WARC, WET and ARC files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.packing import DamagedData, open_unpacked
from tasks.crawl.inputs.payload import TOO_LARGE, parse_http_page
from tasks.crawl.inputs.warc_records import (
    MAX_LINE_BYTES,
    PAGELESS_TYPES,
    RecordDamage,
    WarcRecord,
    read_block,
    read_warc_records,
)
from tasks.crawl.page import CrawledPage, guess_media_type, parse_date_ms, parse_media_type

PAYLOAD_TYPES = ("response", "resource", "conversion")
COUNTED_TYPES = ("revisit", "continuation")  # types without a payload of their own, counted by their name
DAMAGED_RECORD = "damaged record"


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
        media_type = parse_media_type(page.get_header("content-type")) or guess_media_type(page.body)
        if page.status != 200:
            tally.count_skipped(f"status {page.status}")
        elif media_type not in content_types:
            tally.count_skipped("content type")
        elif not page.body:
            tally.count_skipped("empty")
        else:
            yield page


def read_warc_pages(file: BinaryIO, max_bytes: int, tally: Tally, *, skip_broken: bool) -> Iterator[CrawledPage]:
    number = 0
    for number, record in enumerate(read_warc_records(file, max_bytes), start=1):
        if isinstance(record, RecordDamage):
            if not skip_broken:
                raise BrokenArchive(f"record {number}: {record.reason}")
            tally.count_skipped(DAMAGED_RECORD)
        elif page := parse_record(record, max_bytes, tally):
            yield page
    if not number:
        raise BrokenArchive("it is empty")


def parse_record(record: WarcRecord, max_bytes: int, tally: Tally) -> CrawledPage | None:
    """Return the page of a record; None when it has none, which is counted if that loses a page."""
    headers, block = record.headers, record.block
    # WARC 1.0 had its writers, such as wget, put the URL in angle brackets
    kind, url = headers["warc-type"].lower(), headers.get("warc-target-uri", "").strip("<>")
    fetched_at = parse_date_ms(headers.get("warc-date"))
    if kind in PAGELESS_TYPES:
        return None
    if kind not in PAYLOAD_TYPES:
        tally.count_skipped(kind if kind in COUNTED_TYPES else "unknown type of record")
    # a part of a page that was too long for one record: the parts are not put together
    elif "warc-segment-number" in headers:
        tally.count_skipped("segmented")
    elif block is None:
        tally.count_skipped(TOO_LARGE)
    elif fetched_at is None:
        tally.count_skipped("no date")
    elif not url:
        tally.count_skipped("no address")
    elif kind == "response":
        return parse_http_page(url, fetched_at, block, max_bytes, tally)
    elif not url.startswith(("http://", "https://")):
        tally.count_skipped("not from the web")  # logs and manifests of the crawler that wrote the archive
    else:
        content_type = headers.get("content-type") or "text/plain"
        return CrawledPage(safe_url_string(url), 200, (("Content-Type", content_type),), block, fetched_at)
    return None


def read_arc_pages(file: BinaryIO, max_bytes: int, tally: Tally) -> Iterator[CrawledPage]:
    """Yield the pages of an ARC file, version 1, as the Internet Archive wrote it before WARC.

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
    # split from the right: URLs of old archives may hold blanks
    fields = line.decode("latin-1").rstrip("\r\n").rsplit(" ", 4)
    # isdecimal alone would accept digits of other scripts
    if len(fields) != 5 or not (fields[4].isascii() and fields[4].isdecimal()):
        raise BrokenArchive(f"{line[:80]!r} is not the head of an ARC record")
    url, _, date, _, length = fields
    # cut, since int() raises ValueError for a text of more than 4300 digits
    block = read_block(stream, int(length[:20]), max_bytes)
    if block is None:
        tally.count_skipped(TOO_LARGE)
    elif not block.startswith(b"HTTP/"):
        # the record at the head of the ARC file describes the file itself
        if not url.startswith("filedesc:"):
            tally.count_skipped("no HTTP response")
    elif page := parse_http_page(url, parse_arc_date(date), block, max_bytes, tally):
        yield page


def parse_arc_date(digits: str) -> int:
    """Convert a date such as `20140216050221` to milliseconds since 1970."""
    try:
        return int(datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise BrokenArchive(f"{digits[:60]} is not a date") from error
