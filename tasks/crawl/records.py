"""Write WARC 1.1 records (ISO 28500:2017) as bytes, one gzip member each.

Payloads are written decoded, so a reader needs no decompression of its own: the headers that described the transfer
are kept under an `X-Crawler-` name, as Common Crawl does.
"""

import base64
import hashlib
import uuid
import zlib
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from tasks.crawl.page import CrawledPage, format_warc_date

TRANSFER_HEADERS = ("content-encoding", "transfer-encoding", "content-length")
# Characters of a response's headers. FastWARC refuses a record with more than 32 KiB of them, line ends and all, and
# with it the rest of the file. Headers that have no room are left out.
MAX_HEAD_BYTES = 24_000
PROFILE_IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
PROFILE_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
WARC_FIELDS = "application/warc-fields"
OUTLINK = "outlink"  # as Heritrix names it
Headers = list[tuple[str, str]]


class EncodedRecord(NamedTuple):
    """A WARC record, not yet compressed, and the id by which other records refer to it."""

    record_id: str
    content: bytes


class PayloadOrigin(NamedTuple):
    """The page from which a payload was first fetched: its URL, and the time in milliseconds since 1970, UTC."""

    url: str
    fetched_at: int


def compress_record(record: EncodedRecord) -> bytes:
    """Compress a record to one gzip member, without a time in its header: equal records give equal bytes."""
    # 31: a window of 2^15 bytes, plus 16 for a gzip header; zlib leaves the time in that header at 0
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(record.content) + compressor.flush()


def compute_sha1(payload: bytes) -> str:
    """Return the SHA-1 digest in the form that WARC readers check: `sha1:` and base 32."""
    # usedforsecurity=False: a machine in FIPS mode refuses SHA-1 otherwise
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()


def make_record_id(*parts: str) -> str:
    """Derive a record id from what the record says, so that two runs give equal bytes."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(parts)).urn}>"


def build_record(kind: str, fetched_at: int, extra_headers: Headers, block: bytes, content_type: str) -> EncodedRecord:
    """Build a WARC record of a type (`kind`), with the headers that are special to it."""
    digest = compute_sha1(block)
    record_id = make_record_id(kind, dict(extra_headers).get("WARC-Target-URI", ""), str(fetched_at), digest)
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", record_id),
        ("WARC-Date", format_warc_date(fetched_at)),
        *extra_headers,
        ("WARC-Block-Digest", digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    return EncodedRecord(record_id, b"WARC/1.1\r\n" + format_headers(headers) + b"\r\n" + block + b"\r\n\r\n")


def format_headers(headers: Headers) -> bytes:
    """Format header lines as bytes.

    Latin-1 loses nothing: URLs are ASCII here, and servers' headers were decoded as Latin-1, so their bytes come back.
    """
    return "".join(f"{name}: {fold_line_breaks(value)}\r\n" for name, value in headers).encode("latin-1", "replace")


def fold_line_breaks(value: str) -> str:
    """Replace line breaks by spaces: a header value that held one could forge further headers."""
    return value.replace("\r", " ").replace("\n", " ")


def build_target_headers(page: CrawledPage) -> Headers:
    ip_address = [("WARC-IP-Address", page.ip_address)] if page.ip_address else []
    return [("WARC-Target-URI", page.url), *ip_address]


def format_http_head(page: CrawledPage) -> bytes:
    """Format the status line and headers of a response, with the length of its decoded payload."""
    try:
        phrase = HTTPStatus(page.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers: Headers = []
    num_bytes = 0
    for name, value in page.headers:
        length = len(f"{name}: {value}\r\n")
        if num_bytes + length <= MAX_HEAD_BYTES:  # shorter ones behind a long one may still have room
            num_bytes += length
            headers.append((f"X-Crawler-{name}" if name.lower() in TRANSFER_HEADERS else name, value))
    head = format_headers([*headers, ("Content-Length", str(len(page.body)))])
    return f"HTTP/1.1 {page.status} {phrase}\r\n".encode() + head + b"\r\n"


def build_warcinfo(page: CrawledPage) -> EncodedRecord:
    """Build the record at the head of a WARC file: the software, and the user agent that asked for the first page."""
    agent = [
        ("http-header-user-agent", value) for name, value in page.request_headers or () if name.lower() == "user-agent"
    ]
    # without a version: a new one would change the bytes of an equal crawl; the manifest records it
    block = format_headers([("software", "Textmill"), ("format", "WARC File Format 1.1"), *agent])
    return build_record("warcinfo", page.fetched_at, [], block, WARC_FIELDS)


def build_request(page: CrawledPage, answer: EncodedRecord) -> EncodedRecord:
    """Build the record of the request that was sent for a page; `answer` is the record of its response."""
    parts = urlsplit(page.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    block = (
        f"GET {target} HTTP/1.1\r\n".encode()
        + format_headers([("Host", parts.netloc), *(page.request_headers or ())])
        + b"\r\n"
    )
    extra_headers = [*build_target_headers(page), ("WARC-Concurrent-To", answer.record_id)]
    return build_record("request", page.fetched_at, extra_headers, block, "application/http; msgtype=request")


def build_response(page: CrawledPage) -> EncodedRecord:
    """Build the record of a response with its payload."""
    extra_headers = [*build_target_headers(page), ("WARC-Payload-Digest", compute_sha1(page.body))]
    block = format_http_head(page) + page.body
    return build_record("response", page.fetched_at, extra_headers, block, "application/http; msgtype=response")


def build_revisit(page: CrawledPage, origin: PayloadOrigin) -> EncodedRecord:
    """Build a record without a payload, for a page whose payload was fetched before.

    Either the server said so (status 304), or the bytes are equal to those of `origin`.
    """
    is_not_modified = page.status == 304
    extra_headers = [
        *build_target_headers(page),
        ("WARC-Profile", PROFILE_NOT_MODIFIED if is_not_modified else PROFILE_IDENTICAL),
        ("WARC-Refers-To-Target-URI", origin.url),
        ("WARC-Refers-To-Date", format_warc_date(origin.fetched_at)),
        *([] if is_not_modified else [("WARC-Payload-Digest", compute_sha1(page.body))]),
    ]
    return build_record(
        "revisit", page.fetched_at, extra_headers, format_http_head(page), "application/http; msgtype=response"
    )


def build_metadata(page: CrawledPage, links: list[str], via: str, answer: EncodedRecord) -> EncodedRecord:
    """Build the record of what the crawl knows of a page: the page that led to it, the time it took, its links."""
    fields = [("via", via)] if via else []
    if page.fetch_ms is not None:
        fields.append(("fetchTimeMs", str(page.fetch_ms)))
    block = format_headers([*fields, *((OUTLINK, link) for link in links)])
    extra_headers = [("WARC-Target-URI", page.url), ("WARC-Concurrent-To", answer.record_id)]
    return build_record("metadata", page.fetched_at, extra_headers, block, WARC_FIELDS)


def parse_outlinks(block: bytes) -> list[str]:
    """Return the links that the block of a metadata record names."""
    prefix = f"{OUTLINK}: "
    return [line.removeprefix(prefix) for line in block.decode("latin-1").split("\r\n") if line.startswith(prefix)]
