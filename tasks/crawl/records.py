"""WARC 1.1 records (ISO 28500:2017) as bytes, one gzip member each.

Payloads are written decoded, so a reader needs no decompression of its own: the headers that described the transfer
are kept under an `X-Crawler-` name, as Common Crawl does.
"""

import base64
import hashlib
import uuid
import zlib
from http import HTTPStatus
from urllib.parse import urlsplit

from tasks.crawl.page import Page, iso

TRANSFER = ("content-encoding", "transfer-encoding", "content-length")
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
Headers = list[tuple[str, str]]


def compressed(record: bytes) -> bytes:
    """One gzip member, without a time in its header: the same record gives the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(record) + packer.flush()


def sha1(payload: bytes) -> str:
    """The digest in the form that WARC readers check."""
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()


def identity(*parts: str) -> str:
    """A record id made of what the record says, so that it does not differ between two runs."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(parts)).urn}>"


def record(kind: str, fetched_at: int, named: Headers, block: bytes, content_type: str) -> bytes:
    """A WARC record, not yet compressed."""
    digest = sha1(block)
    uri = dict(named).get("WARC-Target-URI", "")
    headers = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", identity(kind, uri, str(fetched_at), digest)),
        ("WARC-Date", iso(fetched_at)),
        *named,
        ("WARC-Block-Digest", digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    return b"WARC/1.1\r\n" + lines(headers) + b"\r\n" + block + b"\r\n\r\n"


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


def info(fetched_at: int) -> bytes:
    """What stands at the head of a WARC file."""
    block = lines([("software", "Textmill"), ("format", "WARC File Format 1.1")])
    return record("warcinfo", fetched_at, [], block, "application/warc-fields")


def request(page: Page) -> bytes:
    """The request that was sent for the page."""
    parts = urlsplit(page.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    block = f"GET {target} HTTP/1.1\r\n".encode() + lines([("Host", parts.netloc), *(page.request or ())]) + b"\r\n"
    return record("request", page.fetched_at, about(page), block, "application/http; msgtype=request")


def response(page: Page) -> bytes:
    """The page itself."""
    named = [*about(page), ("WARC-Payload-Digest", sha1(page.body))]
    block = http_head(page) + page.body
    return record("response", page.fetched_at, named, block, "application/http; msgtype=response")


def revisit(page: Page, first_url: str, first_fetched_at: int) -> bytes:
    """A page whose payload is that of an earlier one: only its headers."""
    named = [
        *about(page),
        ("WARC-Profile", IDENTICAL),
        ("WARC-Refers-To-Target-URI", first_url),
        ("WARC-Refers-To-Date", iso(first_fetched_at)),
        ("WARC-Payload-Digest", sha1(page.body)),
    ]
    return record("revisit", page.fetched_at, named, http_head(page), "application/http; msgtype=response")
