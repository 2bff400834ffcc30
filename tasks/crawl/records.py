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

from tasks.crawl.page import Page, iso

TRANSFER = ("content-encoding", "transfer-encoding", "content-length")
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
FIELDS = "application/warc-fields"
OUTLINK = "outlink"  # as Heritrix names it
Headers = list[tuple[str, str]]


class Record(NamedTuple):
    """A WARC record, not yet compressed, and the id by which others refer to it."""

    identity: str
    content: bytes


class Payload(NamedTuple):
    """Where and when (milliseconds since 1970, UTC) a payload was fetched first."""

    url: str
    fetched_at: int


def compressed(record: Record) -> bytes:
    """One gzip member, without a time in its header: the same record gives the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(record.content) + packer.flush()


def sha1(payload: bytes) -> str:
    """The digest in the form that WARC readers check."""
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()


def identity(*parts: str) -> str:
    """A record id made of what the record says, so that it does not differ between two runs."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(parts)).urn}>"


def record(kind: str, fetched_at: int, named: Headers, block: bytes, content_type: str) -> Record:
    """A record of a kind, with the headers that are special to it."""
    digest = sha1(block)
    name = identity(kind, dict(named).get("WARC-Target-URI", ""), str(fetched_at), digest)
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", name),
        ("WARC-Date", iso(fetched_at)),
        *named,
        ("WARC-Block-Digest", digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    return Record(name, b"WARC/1.1\r\n" + lines(headers) + b"\r\n" + block + b"\r\n\r\n")


def lines(headers: Headers) -> bytes:
    """Header lines. URLs are ASCII here, and servers' headers were read as Latin-1, which gives back their bytes."""
    return "".join(f"{name}: {line(value)}\r\n" for name, value in headers).encode("latin-1", "replace")


def line(value: str) -> str:
    """A header value must stay on its line."""
    return value.replace("\r", " ").replace("\n", " ")


def about(page: Page) -> Headers:
    address = [("WARC-IP-Address", page.address)] if page.address else []
    return [("WARC-Target-URI", page.url), *address]


def http_head(page: Page) -> bytes:
    """Status line and headers of the response, for its decoded payload."""
    try:
        phrase = HTTPStatus(page.status).phrase
    except ValueError:
        phrase = "Unknown"
    kept = [(f"X-Crawler-{name}" if name.lower() in TRANSFER else name, value) for name, value in page.headers]
    head = lines([*kept, ("Content-Length", str(len(page.body)))])
    return f"HTTP/1.1 {page.status} {phrase}\r\n".encode() + head + b"\r\n"


def info(page: Page) -> Record:
    """What stands at the head of a WARC file: who wrote it, and as whom it asked for its first page."""
    agent = [("http-header-user-agent", value) for name, value in page.request or () if name.lower() == "user-agent"]
    # no version: another one would change the bytes of the same crawl; the manifest has it
    block = lines([("software", "Textmill"), ("format", "WARC File Format 1.1"), *agent])
    return record("warcinfo", page.fetched_at, [], block, FIELDS)


def request(page: Page, answer: Record) -> Record:
    """The request that was sent for the page."""
    parts = urlsplit(page.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    block = f"GET {target} HTTP/1.1\r\n".encode() + lines([("Host", parts.netloc), *(page.request or ())]) + b"\r\n"
    named = [*about(page), ("WARC-Concurrent-To", answer.identity)]
    return record("request", page.fetched_at, named, block, "application/http; msgtype=request")


def response(page: Page) -> Record:
    """The page itself."""
    named = [*about(page), ("WARC-Payload-Digest", sha1(page.body))]
    block = http_head(page) + page.body
    return record("response", page.fetched_at, named, block, "application/http; msgtype=response")


def revisit(page: Page, first: Payload) -> Record:
    """A page whose payload was fetched before: only its headers. The server said so (304), or the bytes are equal."""
    unseen = page.status == 304
    named = [
        *about(page),
        ("WARC-Profile", NOT_MODIFIED if unseen else IDENTICAL),
        ("WARC-Refers-To-Target-URI", first.url),
        ("WARC-Refers-To-Date", iso(first.fetched_at)),
        *([] if unseen else [("WARC-Payload-Digest", sha1(page.body))]),
    ]
    return record("revisit", page.fetched_at, named, http_head(page), "application/http; msgtype=response")


def metadata(page: Page, links: list[str], via: str, answer: Record) -> Record:
    """What the crawl knows of the page beside its bytes: the page that led to it, how long it took, where it leads."""
    fields = [("via", via)] if via else []
    if page.fetch_ms is not None:
        fields.append(("fetchTimeMs", str(page.fetch_ms)))
    block = lines([*fields, *((OUTLINK, link) for link in links)])
    named = [("WARC-Target-URI", page.url), ("WARC-Concurrent-To", answer.identity)]
    return record("metadata", page.fetched_at, named, block, FIELDS)


def outlinks(block: bytes) -> list[str]:
    """The links that a metadata record names."""
    start = f"{OUTLINK}: "
    return [line.removeprefix(start) for line in block.decode("latin-1").split("\r\n") if line.startswith(start)]
