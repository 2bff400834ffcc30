"""WARC 1.1 records (ISO 28500:2017) as bytes, one gzip member each.

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
PROFILE_IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
PROFILE_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
WARC_FIELDS = "application/warc-fields"
OUTLINK = "outlink"  # as Heritrix names it
Headers = list[tuple[str, str]]


class EncodedRecord(NamedTuple):
    """A WARC record, not yet compressed, and the id by which others refer to it."""

    identity: str
    content: bytes


class PayloadOrigin(NamedTuple):
    """Where and when (milliseconds since 1970, UTC) a payload was fetched first."""

    url: str
    fetched_at: int


def compress_record(record: EncodedRecord) -> bytes:
    """One gzip member, without a time in its header: the same record gives the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(record.content) + packer.flush()


def compute_sha1(payload: bytes) -> str:
    """The digest in the form that WARC readers check."""
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()


def make_record_id(*parts: str) -> str:
    """A record id made of what the record says, so that it does not differ between two runs."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(parts)).urn}>"


def build_record(kind: str, fetched_at: int, named: Headers, block: bytes, content_type: str) -> EncodedRecord:
    """A record of a kind, with the headers that are special to it."""
    digest = compute_sha1(block)
    name = make_record_id(kind, dict(named).get("WARC-Target-URI", ""), str(fetched_at), digest)
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", name),
        ("WARC-Date", format_warc_date(fetched_at)),
        *named,
        ("WARC-Block-Digest", digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    return EncodedRecord(name, b"WARC/1.1\r\n" + format_headers(headers) + b"\r\n" + block + b"\r\n\r\n")


def format_headers(headers: Headers) -> bytes:
    """Header lines. URLs are ASCII here, and servers' headers were read as Latin-1, which gives back their bytes."""
    return "".join(f"{name}: {fold_line_breaks(value)}\r\n" for name, value in headers).encode("latin-1", "replace")


def fold_line_breaks(value: str) -> str:
    """A header value must stay on its line."""
    return value.replace("\r", " ").replace("\n", " ")


def build_target_headers(page: CrawledPage) -> Headers:
    address = [("WARC-IP-Address", page.address)] if page.address else []
    return [("WARC-Target-URI", page.url), *address]


def format_http_head(page: CrawledPage) -> bytes:
    """Status line and headers of the response, for its decoded payload."""
    try:
        phrase = HTTPStatus(page.status).phrase
    except ValueError:
        phrase = "Unknown"
    kept = [(f"X-Crawler-{name}" if name.lower() in TRANSFER_HEADERS else name, value) for name, value in page.headers]
    head = format_headers([*kept, ("Content-Length", str(len(page.body)))])
    return f"HTTP/1.1 {page.status} {phrase}\r\n".encode() + head + b"\r\n"


def build_warcinfo(page: CrawledPage) -> EncodedRecord:
    """What stands at the head of a WARC file: who wrote it, and as whom it asked for its first page."""
    agent = [("http-header-user-agent", value) for name, value in page.request or () if name.lower() == "user-agent"]
    # no version: another one would change the bytes of the same crawl; the manifest has it
    block = format_headers([("software", "Textmill"), ("format", "WARC File Format 1.1"), *agent])
    return build_record("warcinfo", page.fetched_at, [], block, WARC_FIELDS)


def build_request(page: CrawledPage, answer: EncodedRecord) -> EncodedRecord:
    """The request that was sent for the page."""
    parts = urlsplit(page.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    block = (
        f"GET {target} HTTP/1.1\r\n".encode()
        + format_headers([("Host", parts.netloc), *(page.request or ())])
        + b"\r\n"
    )
    named = [*build_target_headers(page), ("WARC-Concurrent-To", answer.identity)]
    return build_record("request", page.fetched_at, named, block, "application/http; msgtype=request")


def build_response(page: CrawledPage) -> EncodedRecord:
    """The page itself."""
    named = [*build_target_headers(page), ("WARC-Payload-Digest", compute_sha1(page.body))]
    block = format_http_head(page) + page.body
    return build_record("response", page.fetched_at, named, block, "application/http; msgtype=response")


def build_revisit(page: CrawledPage, first: PayloadOrigin) -> EncodedRecord:
    """A page whose payload was fetched before: only its headers. The server said so (304), or the bytes are equal."""
    unseen = page.status == 304
    named = [
        *build_target_headers(page),
        ("WARC-Profile", PROFILE_NOT_MODIFIED if unseen else PROFILE_IDENTICAL),
        ("WARC-Refers-To-Target-URI", first.url),
        ("WARC-Refers-To-Date", format_warc_date(first.fetched_at)),
        *([] if unseen else [("WARC-Payload-Digest", compute_sha1(page.body))]),
    ]
    return build_record("revisit", page.fetched_at, named, format_http_head(page), "application/http; msgtype=response")


def build_metadata(page: CrawledPage, links: list[str], via: str, answer: EncodedRecord) -> EncodedRecord:
    """What the crawl knows of the page beside its bytes: the page that led to it, how long it took, where it leads."""
    fields = [("via", via)] if via else []
    if page.fetch_ms is not None:
        fields.append(("fetchTimeMs", str(page.fetch_ms)))
    block = format_headers([*fields, *((OUTLINK, link) for link in links)])
    named = [("WARC-Target-URI", page.url), ("WARC-Concurrent-To", answer.identity)]
    return build_record("metadata", page.fetched_at, named, block, WARC_FIELDS)


def parse_outlinks(block: bytes) -> list[str]:
    """The links that a metadata record names."""
    start = f"{OUTLINK}: "
    return [line.removeprefix(start) for line in block.decode("latin-1").split("\r\n") if line.startswith(start)]
