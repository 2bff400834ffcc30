"""Pages out of WARC, WET and ARC files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.packing import Damaged, unpacked
from tasks.crawl.inputs.payload import TOO_LARGE, of_http
from tasks.crawl.inputs.warc_records import LONGEST_LINE, NO_PAGE, Damage, Record, read_block, warc_records
from tasks.crawl.page import Page, looks_like, media_type, milliseconds

PAYLOADS = ("response", "resource", "conversion")
OTHER_KINDS = ("revisit", "continuation")
DAMAGED = "damaged record"


class Broken(Exception):
    """An archive that ends too early, is damaged, or is none."""


def pages(
    file: BinaryIO, content_types: list[str], most_bytes: int, tally: Tally, *, arc: bool = False, skips: bool = False
) -> Iterator[Page]:
    """The pages of a seekable archive: status 200 and one of the media types; what else it holds is counted as skipped.

    Damaged WARC records are counted and left out when `skips`, else Broken is raised.
    """
    found = of_arc(file, most_bytes, tally) if arc else of_warc(file, most_bytes, tally, skips=skips)
    for page in found:
        kind = media_type(page.header("content-type")) or looks_like(page.body)
        if page.status != 200:
            tally.skip(f"status {page.status}")
        elif kind not in content_types:
            tally.skip("content type")
        elif not page.body:
            tally.skip("empty")
        else:
            yield page


def of_warc(file: BinaryIO, most_bytes: int, tally: Tally, *, skips: bool) -> Iterator[Page]:
    number = 0
    for number, record in enumerate(warc_records(file, most_bytes), start=1):
        if isinstance(record, Damage):
            if not skips:
                raise Broken(f"record {number}: {record.what}")
            tally.skip(DAMAGED)
        elif page := of_record(record, most_bytes, tally):
            yield page
    if not number:
        raise Broken("it is empty")


def of_record(record: Record, most_bytes: int, tally: Tally) -> Page | None:
    """The page of a record; None when it has none, counted unless none is lost."""
    headers, block = record.headers, record.block
    kind, url = headers["warc-type"].lower(), headers.get("warc-target-uri", "").strip("<>")
    fetched_at = milliseconds(headers.get("warc-date"))
    if kind in NO_PAGE:
        return None
    if kind not in PAYLOADS:
        tally.skip(kind if kind in OTHER_KINDS else "unknown type of record")
    elif "warc-segment-number" in headers:
        tally.skip("segmented")
    elif block is None:
        tally.skip(TOO_LARGE)
    elif fetched_at is None:
        tally.skip("no date")
    elif not url:
        tally.skip("no address")
    elif kind == "response":
        return of_http(url, fetched_at, block, most_bytes, tally)
    elif not url.startswith(("http://", "https://")):
        tally.skip("not from the web")  # logs and manifests of the crawler that wrote the archive
    else:
        content_type = headers.get("content-type") or "text/plain"
        return Page(safe_url_string(url), 200, (("Content-Type", content_type),), block, fetched_at)
    return None


def of_arc(file: BinaryIO, most_bytes: int, tally: Tally) -> Iterator[Page]:
    """ARC version 1, as the Internet Archive wrote it before WARC: a line that ends in a length, then so many bytes."""
    stream = unpacked(file)
    try:
        line = stream.readline(LONGEST_LINE)
        if not line:
            raise Broken("it is empty")
        while line:
            if line.strip():
                yield from of_arc_record(line, stream, most_bytes, tally)
            line = stream.readline(LONGEST_LINE)
    except Damaged as error:
        raise Broken(str(error)) from error


def of_arc_record(line: bytes, stream: BinaryIO, most_bytes: int, tally: Tally) -> Iterator[Page]:
    fields = line.decode("latin-1").rstrip("\r\n").rsplit(" ", 4)
    if len(fields) != 5 or not (fields[4].isascii() and fields[4].isdecimal()):
        raise Broken(f"{line[:80]!r} is not the head of an ARC record")
    url, _, date, _, length = fields
    block = read_block(stream, int(length[:20]), most_bytes)
    if block is None:
        tally.skip(TOO_LARGE)
    elif not block.startswith(b"HTTP/"):
        if not url.startswith("filedesc:"):
            tally.skip("no HTTP response")
    elif page := of_http(url, arc_date(date), block, most_bytes, tally):
        yield page


def arc_date(digits: str) -> int:
    """`20140216050221` in milliseconds since 1970."""
    try:
        return int(datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise Broken(f"{digits[:60]} is not a date") from error
