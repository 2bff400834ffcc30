"""Parse HTTP responses as archives keep them, and undo their transfer and content encodings."""

import io
import zlib

from fastwarc.stream_io import BrotliReader
from fastwarc.warc import HeaderMap
from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.packing import GZIP_MAGIC, ZSTD_MAGIC, DamagedData, open_unpacked
from tasks.crawl.page import CrawledPage

TOO_LARGE = "too large"
UNREADABLE_RESPONSE = "unreadable response"


def parse_http_page(url: str, fetched_at: int, block: bytes, max_bytes: int, tally: Tally) -> CrawledPage | None:
    """Parse a response with its HTTP head to a page; None, and counted, if it cannot be read or is too large."""
    head = HeaderMap("latin1")
    try:
        start = head.parse(io.BytesIO(block))
        body = decode_body(block[start:], head, max_bytes)
    except (OSError, ValueError, zlib.error, DamagedData):
        tally.count_skipped(UNREADABLE_RESPONSE)
        return None
    if body is None:
        tally.count_skipped(TOO_LARGE)
        return None
    return CrawledPage(safe_url_string(url), head.status_code or 0, tuple(head.to_tuples()), body, fetched_at)


def decode_body(body: bytes, head: HeaderMap, max_bytes: int) -> bytes | None:
    """Undo the transfer and content encodings of a body; None if it becomes larger than `max_bytes`.

    Many archives keep the headers of an encoding that they have undone already: then the bytes are returned unchanged.
    """
    if "chunked" in (head.get("Transfer-Encoding") or "").lower():
        body = dechunk_body(body)
    encodings = [name.strip().lower() for name in (head.get("Content-Encoding") or "").split(",")]
    # they are named in the order in which they were applied (RFC 9110, 8.4)
    for encoding in reversed(encodings):
        if encoding in ("gzip", "x-gzip") and body.startswith(GZIP_MAGIC[:2]):
            body = inflate_body(body, 31, max_bytes)
        elif encoding == "zstd" and body.startswith(ZSTD_MAGIC):
            body = open_unpacked(io.BytesIO(body)).read(max_bytes + 1)
        elif encoding == "deflate":
            # by the RFC it has a zlib head (78), but many servers send raw deflate
            body = inflate_body(body, 15 if body[:1] == b"\x78" else -15, max_bytes)
        elif encoding == "br":
            body = BrotliReader(io.BytesIO(body)).read(max_bytes + 1)
        if len(body) > max_bytes:
            return None
    return body


def inflate_body(body: bytes, window: int, max_bytes: int) -> bytes:
    """Unpack gzip or deflate, at most one byte more than allowed: a bomb stops there.

    `window` is zlib's `wbits`. Raises zlib.error when the body is cut off.
    """
    unpacker = zlib.decompressobj(window)
    content = unpacker.decompress(body, max_bytes + 1)
    if len(content) <= max_bytes and not unpacker.eof:
        raise zlib.error("it is cut off")
    return content


def dechunk_body(body: bytes) -> bytes:
    """Undo chunked transfer; a body that is not chunked is returned unchanged."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        try:
            # A chunk is its size in hexadecimal, perhaps extensions, a line end, the bytes, a line end (RFC 9112, 7.1);
            # size 0 is the last. Of a body that was cut off, the chunks that arrived are kept.
            size = int(body[position:end].split(b";")[0], 16)
        except ValueError:
            return b"".join(parts) if parts else body
        if size <= 0 or end < 0:
            return b"".join(parts) if parts or size == 0 else body
        parts.append(body[end + 2 : end + 2 + size])
        position = end + 2 + size + 2
