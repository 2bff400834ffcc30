"""Pages out of WARC and ARC files, their payloads decoded."""

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from fastwarc.stream_io import BrotliReader
from fastwarc.warc import ArchiveIterator, HeaderMap, WarcRecord, WarcRecordType
from w3lib.url import safe_url_string

from tasks.crawl.page import Page, looks_like, media_type
from tasks.crawl.tally import Tally

PAYLOADS = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
TOO_LARGE = "too large"


class Broken(Exception):
    """An archive that ends too early or is none."""


def pages(path: Path, content_types: list[str], most_bytes: int, tally: Tally) -> Iterator[Page]:
    """The pages of an archive: status 200 and one of the media types; what else it holds is counted as skipped.

    Raises Broken.
    """
    read = of_arc if ".arc" in path.suffixes else of_warc
    try:
        for page in read(path, most_bytes, tally):
            kind = media_type(page.header("content-type")) or looks_like(page.body)
            if page.status != 200:
                tally.skip(f"status {page.status}")
            elif kind not in content_types:
                tally.skip("content type")
            elif not page.body:
                tally.skip("empty")
            else:
                yield page
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Broken(f"it ends or breaks in the middle ({error})") from error


class Whole:
    """A file's bytes, unpacked, that remembers how they ended: the WARC reader takes a cut-off head for the end."""

    def __init__(self, file: BinaryIO) -> None:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self.bytes = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
        self.end = b""
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """As of a file; a broken gzip member is its end, and the error is kept."""
        try:
            chunk = self.bytes.read(size)
        except (EOFError, OSError, zlib.error) as error:
            self.error, chunk = error, b""
        self.end = (self.end + chunk)[-4:]
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        return self.bytes.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self.bytes.tell()

    def close(self) -> None:
        """The file belongs to whoever opened it."""

    def check(self) -> None:
        """Raise Broken unless the bytes ended as an archive does, after a whole record."""
        if self.error is not None:
            raise Broken(f"it ends or breaks in the middle ({self.error})") from self.error
        if not self.end.endswith((b"\r\n\r\n", b"\n\n")):
            raise Broken("it ends in the middle of a record" if self.end else "it is empty")


def of_warc(path: Path, most_bytes: int, tally: Tally) -> Iterator[Page]:
    num_records = 0
    with path.open("rb") as file:
        whole = Whole(file)
        try:
            for record in ArchiveIterator(whole, parse_http=False):
                num_records += 1
                if page := of_record(record, most_bytes, tally):
                    yield page
        except OSError as error:
            whole.check()
            raise Broken(f"record {num_records + 1}: {error}") from error
        whole.check()


def of_record(record: WarcRecord, most_bytes: int, tally: Tally) -> Page | None:
    length = record.content_length
    wanted = bool(record.record_type & PAYLOADS)
    if not wanted or length > most_bytes:
        if record.reader.consume() != length:
            raise Broken("it ends in the middle of a record")
        if wanted:
            tally.skip(TOO_LARGE)
        elif record.record_type & WarcRecordType.revisit:
            tally.skip("revisit")
        return None
    block = record.reader.read()
    if len(block) != length:
        raise Broken("it ends in the middle of a record")
    url = (record.headers.get("WARC-Target-URI") or "").strip().strip("<>")
    date = cast("datetime | None", record.record_date)  # its type promises one, whatever the header says
    if date is None:
        tally.skip("no date")
        return None
    fetched_at = int(date.timestamp() * 1000)
    if record.record_type & WarcRecordType.response:
        return of_http(url, fetched_at, block, most_bytes, tally)
    if not url.startswith(("http://", "https://")):
        tally.skip("not from the web")  # logs and manifests of the crawler that wrote the archive
        return None
    content_type = record.headers.get("Content-Type") or "text/plain"
    return Page(safe_url_string(url), 200, (("Content-Type", content_type),), block, fetched_at)


def of_arc(path: Path, most_bytes: int, tally: Tally) -> Iterator[Page]:
    """ARC version 1, as the Internet Archive wrote it before WARC: a line that ends in a length, then so many bytes."""
    with path.open("rb") as raw:
        file = Whole(raw).bytes
        if not file.peek(1):  # type: ignore[attr-defined]
            raise Broken("it is empty")
        while line := file.readline():
            if not line.strip():
                continue
            fields = line.decode("latin-1").rstrip("\r\n").rsplit(" ", 4)
            if len(fields) != 5 or not fields[4].isdecimal():
                raise Broken(f"{line[:80]!r} is not the head of an ARC record")
            url, _, date, _, length = fields
            block = file.read(int(length))
            if len(block) != int(length):
                raise Broken("it ends in the middle of a record")
            if len(block) > most_bytes:
                tally.skip(TOO_LARGE)
            elif block.startswith(b"HTTP/") and (page := of_http(url, arc_date(date), block, most_bytes, tally)):
                yield page


def arc_date(digits: str) -> int:
    """`20140216050221` in milliseconds since 1970."""
    try:
        return int(datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise Broken(f"{digits} is not a date") from error


def of_http(url: str, fetched_at: int, block: bytes, most_bytes: int, tally: Tally) -> Page | None:
    """A page from a response with its HTTP head; None, and counted, if that cannot be read."""
    head = HeaderMap("latin1")
    try:
        start = head.parse(io.BytesIO(block))
        body = decoded(block[start:], head, most_bytes)
    except (OSError, ValueError, zlib.error):
        tally.skip("unreadable response")
        return None
    if body is None:
        tally.skip(TOO_LARGE)
        return None
    return Page(safe_url_string(url), head.status_code or 0, tuple(head.to_tuples()), body, fetched_at)


def decoded(body: bytes, head: HeaderMap, most_bytes: int) -> bytes | None:
    """The payload without its transfer and content encodings; None if it becomes larger than `most_bytes`.

    Many archives keep the headers of an encoding that they have undone already: then the bytes stay as they are.
    """
    if "chunked" in (head.get("Transfer-Encoding") or "").lower():
        body = dechunked(body)
    encodings = [each.strip().lower() for each in (head.get("Content-Encoding") or "").split(",")]
    for encoding in reversed(encodings):
        if encoding in ("gzip", "x-gzip") and body[:2] == b"\x1f\x8b":
            body = inflated(body, 31, most_bytes)
        elif encoding == "deflate":
            body = inflated(body, 15 if body[:1] == b"\x78" else -15, most_bytes)
        elif encoding == "br":
            body = BrotliReader(io.BytesIO(body)).read(most_bytes + 1)
        if len(body) > most_bytes:
            return None
    return body


def inflated(body: bytes, window: int, most_bytes: int) -> bytes:
    """At most one byte more than allowed, so that a bomb does not explode. What is cut off stays cut off."""
    return zlib.decompressobj(window).decompress(body, most_bytes + 1)


def dechunked(body: bytes) -> bytes:
    """Undo chunked transfer; a body that is not chunked is returned as it is."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        try:
            size = int(body[position:end].split(b";")[0], 16)
        except ValueError:
            return b"".join(parts) if parts else body
        if size <= 0 or end < 0:
            return b"".join(parts) if parts or size == 0 else body
        parts.append(body[end + 2 : end + 2 + size])
        position = end + 2 + size + 2
