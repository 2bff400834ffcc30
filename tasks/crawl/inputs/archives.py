"""Pages out of WARC, WET and ARC files."""

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
COUNTED_TYPES = ("revisit", "continuation")
DAMAGED_RECORD = "damaged record"


class BrokenArchive(Exception):
    """An archive that ends too early, is damaged, or is none."""


def read_archive_pages(
    file: BinaryIO, content_types: list[str], most_bytes: int, tally: Tally, *, arc: bool = False, skips: bool = False
) -> Iterator[CrawledPage]:
    """The pages of a seekable archive: status 200 and one of the media types; what else it holds is counted as skipped.

    Damaged WARC records are counted and left out when `skips`, else Broken is raised.
    """
    found = read_arc_pages(file, most_bytes, tally) if arc else read_warc_pages(file, most_bytes, tally, skips=skips)
    for page in found:
        kind = parse_media_type(page.header("content-type")) or guess_media_type(page.body)
        if page.status != 200:
            tally.skip(f"status {page.status}")
        elif kind not in content_types:
            tally.skip("content type")
        elif not page.body:
            tally.skip("empty")
        else:
            yield page


def read_warc_pages(file: BinaryIO, most_bytes: int, tally: Tally, *, skips: bool) -> Iterator[CrawledPage]:
    number = 0
    for number, record in enumerate(read_warc_records(file, most_bytes), start=1):
        if isinstance(record, RecordDamage):
            if not skips:
                raise BrokenArchive(f"record {number}: {record.what}")
            tally.skip(DAMAGED_RECORD)
        elif page := parse_record(record, most_bytes, tally):
            yield page
    if not number:
        raise BrokenArchive("it is empty")


def parse_record(record: WarcRecord, most_bytes: int, tally: Tally) -> CrawledPage | None:
    """The page of a record; None when it has none, counted unless none is lost."""
    headers, block = record.headers, record.block
    kind, url = headers["warc-type"].lower(), headers.get("warc-target-uri", "").strip("<>")
    fetched_at = parse_date_ms(headers.get("warc-date"))
    if kind in PAGELESS_TYPES:
        return None
    if kind not in PAYLOAD_TYPES:
        tally.skip(kind if kind in COUNTED_TYPES else "unknown type of record")
    elif "warc-segment-number" in headers:
        tally.skip("segmented")
    elif block is None:
        tally.skip(TOO_LARGE)
    elif fetched_at is None:
        tally.skip("no date")
    elif not url:
        tally.skip("no address")
    elif kind == "response":
        return parse_http_page(url, fetched_at, block, most_bytes, tally)
    elif not url.startswith(("http://", "https://")):
        tally.skip("not from the web")  # logs and manifests of the crawler that wrote the archive
    else:
        content_type = headers.get("content-type") or "text/plain"
        return CrawledPage(safe_url_string(url), 200, (("Content-Type", content_type),), block, fetched_at)
    return None


def read_arc_pages(file: BinaryIO, most_bytes: int, tally: Tally) -> Iterator[CrawledPage]:
    """ARC version 1, as the Internet Archive wrote it before WARC: a line that ends in a length, then so many bytes."""
    stream = open_unpacked(file)
    try:
        line = stream.readline(MAX_LINE_BYTES)
        if not line:
            raise BrokenArchive("it is empty")
        while line:
            if line.strip():
                yield from read_arc_record(line, stream, most_bytes, tally)
            line = stream.readline(MAX_LINE_BYTES)
    except DamagedData as error:
        raise BrokenArchive(str(error)) from error


def read_arc_record(line: bytes, stream: BinaryIO, most_bytes: int, tally: Tally) -> Iterator[CrawledPage]:
    fields = line.decode("latin-1").rstrip("\r\n").rsplit(" ", 4)
    if len(fields) != 5 or not (fields[4].isascii() and fields[4].isdecimal()):
        raise BrokenArchive(f"{line[:80]!r} is not the head of an ARC record")
    url, _, date, _, length = fields
    block = read_block(stream, int(length[:20]), most_bytes)
    if block is None:
        tally.skip(TOO_LARGE)
    elif not block.startswith(b"HTTP/"):
        if not url.startswith("filedesc:"):
            tally.skip("no HTTP response")
    elif page := parse_http_page(url, parse_arc_date(date), block, most_bytes, tally):
        yield page


def parse_arc_date(digits: str) -> int:
    """`20140216050221` in milliseconds since 1970."""
    try:
        return int(datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise BrokenArchive(f"{digits[:60]} is not a date") from error
