"""Pages artifacts for the tests: WARC files and index rows as the crawl stage writes them, in a few lines."""

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

FETCHED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


class CrawledPage(NamedTuple):
    url: str
    body: bytes
    content_type: str | None = "text/html; charset=utf-8"
    status: int = 200
    header: str = ""  # one more line of the response's


def make_record(page: CrawledPage) -> bytes:
    header = f"Content-Type: {page.content_type}\r\n" if page.content_type else ""
    header += f"{page.header}\r\n" if page.header else ""
    block = f"HTTP/1.1 {page.status} OK\r\n{header}Content-Length: {len(page.body)}\r\n\r\n".encode() + page.body
    head = (
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\n"
        f"WARC-Date: {FETCHED_AT:%Y-%m-%dT%H:%M:%SZ}\r\nWARC-Target-URI: {page.url}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", mtime=0)


def write_pages(folder: Path, *shards: list[CrawledPage]) -> Path:
    """Write `warc/` and `index/` with one file each per shard."""
    for part in ("warc", "index"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index, pages in enumerate(shards):
        name, offset, rows = f"warc/{index:05d}.warc.gz", 0, []
        with (folder / name).open("wb") as file:
            for page in pages:
                record = make_record(page)
                file.write(record)
                rows.append(
                    {
                        "url": page.url,
                        "status": page.status,
                        "digest": hashlib.blake2b(page.body, digest_size=16).hexdigest(),
                        "fetched_at": FETCHED_AT,
                        "content_type": page.content_type,
                        "etag": None,
                        "last_modified": None,
                        "warc": name,
                        "offset": offset,
                        "length": len(record),
                    }
                )
                offset += len(record)
        pq.write_table(pa.Table.from_pylist(rows, INDEX_SCHEMA), folder / "index" / f"{index:05d}.parquet")
    return folder


INDEX_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("status", pa.int32()),
        ("digest", pa.string()),
        ("fetched_at", pa.timestamp("ms", tz="UTC")),
        ("content_type", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("warc", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)
