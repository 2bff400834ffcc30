"""Write one WARC file, and the index that goes with it."""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl import records
from tasks.crawl.counters import Tally
from tasks.crawl.page import REVISIT_STATUS, CrawledPage, IndexRow, PageChange
from tasks.crawl.records import EncodedRecord, PayloadOrigin

TIMESTAMP = pa.timestamp("ms", "UTC")
INDEX_SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("status", pa.int32()),
        ("digest", pa.string()),
        ("fetched_at", TIMESTAMP),
        ("content_type", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("warc", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("change", pa.string()),
        ("refers_to", pa.string()),
        ("refers_to_at", TIMESTAMP),
        ("num_links", pa.int32()),
    ]
)
PayloadOrigins = dict[str, PayloadOrigin]  # by payload digest: the page of this crawl that had the payload first


def make_warc_name(number: int) -> str:
    return f"warc/{number:05d}.warc.gz"


def make_index_name(number: int) -> str:
    return f"index/{number:05d}.parquet"


class WarcShard:
    """Appends pages to `folder/warc/NNNNN.warc.gz`. A page whose payload was fetched before becomes a revisit record.

    `size` is the length in bytes that is known to be complete: whatever a killed run wrote behind it is cut off.
    `checksum` is the CRC-32 of the bytes that the last `add` wrote.
    """

    def __init__(self, folder: Path, number: int, origins: PayloadOrigins, size: int = 0) -> None:
        self.number, self.name, self.origins = number, make_warc_name(number), origins
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        # r+b keeps what is there; every other mode for writing empties the file or ignores seek
        self.file = path.open("r+b" if path.exists() else "w+b")
        self.file.truncate(size)
        self.file.seek(size)
        self.size, self.checksum = size, 0

    def add(
        self, page: CrawledPage, previous: IndexRow | None = None, links: list[str] | None = None, via: str = ""
    ) -> IndexRow:
        """Write the page's records and return its index row. They are on disk only after `sync`.

        `previous` is the page's row in the previous snapshot. `links` are the URLs that it links to; None writes no
        metadata record. `via` is the page that led to it.
        """
        self.checksum = 0
        if not self.size:
            self._write(records.build_warcinfo(page))
        # a 304 comes without a payload, and says that the previous one still holds
        digest = previous["digest"] if previous and page.status == REVISIT_STATUS else page.digest
        origin = self._find_origin(page, digest, previous)
        answer = records.build_revisit(page, origin) if origin else records.build_response(page)
        if page.request_headers is not None:
            self._write(records.build_request(page, answer))
        # evaluated from left to right: `_write` moves `self.size` on
        offset, length = self.size, self._write(answer)
        if links is not None:
            self._write(records.build_metadata(page, links, via, answer))
        # a 304 may leave out headers of the page: those of the previous snapshot still hold
        unchanged = previous if previous and digest == previous["digest"] else None
        return IndexRow(
            url=page.url,
            status=REVISIT_STATUS if origin and page.status == 200 else page.status,
            digest=digest,
            fetched_at=page.fetched_at,
            content_type=page.content_type or (unchanged and unchanged["content_type"]),
            etag=page.get_header("etag") or (unchanged and unchanged["etag"]),
            last_modified=page.get_header("last-modified") or (unchanged and unchanged["last_modified"]),
            warc=self.name,
            offset=offset,
            length=length,
            change=classify_change(page.status, digest, previous),
            refers_to=origin and origin.url,
            refers_to_at=origin and origin.fetched_at,
            num_links=None if links is None else len(links),
        )

    def _find_origin(self, page: CrawledPage, digest: str, previous: IndexRow | None) -> PayloadOrigin | None:
        """Return where the payload was fetched before; else None, and remember this page as its origin."""
        if previous and digest == previous["digest"] and page.status in (200, REVISIT_STATUS):
            # never a revisit of a revisit: it refers to the record that has the payload
            return PayloadOrigin(
                previous["refers_to"] or previous["url"], previous["refers_to_at"] or previous["fetched_at"]
            )
        # empty payloads are all alike, and say nothing about each other's pages
        if page.body and digest not in self.origins:
            self.origins[digest] = PayloadOrigin(page.url, page.fetched_at)
            return None
        return self.origins[digest] if page.body else None

    def _write(self, record: EncodedRecord) -> int:
        data = records.compress_record(record)
        self.file.write(data)
        self.size += len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return len(data)

    def sync(self) -> None:
        """Force everything that was added to disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()


def classify_change(status: int, digest: str, previous: IndexRow | None) -> PageChange | None:
    """Classify what an answer says of a page since the previous snapshot; None for what was no page and is none."""
    if status in (200, REVISIT_STATUS):
        return "new" if previous is None else "unchanged" if digest == previous["digest"] else "changed"
    if previous is None:
        return None
    return "gone" if status in (404, 410) else "moved" if 300 <= status < 400 else None


def write_index(path: Path, rows: Iterable[IndexRow]) -> None:
    """Write the index of one WARC file, in the order of its records."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), INDEX_SCHEMA), path, compression="zstd")


def write_shard(folder: Path, number: int, pages: Iterable[CrawledPage], tally: Tally) -> None:
    """Write pages to one WARC file and its index, and count them; no file is left when there are no pages."""
    rows: list[IndexRow] = []
    # no shared origins: shards are written by different processes, so only repeats within one are found
    with WarcShard(folder, number, {}) as shard:
        for page in pages:
            rows.append(shard.add(page))
            tally.count_page(rows[-1], len(page.body))
    if rows:
        write_index(folder / make_index_name(number), rows)
    else:
        (folder / shard.name).unlink()
