"""One WARC file being written, and the index that goes with it."""

import os
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
PayloadOrigins = dict[str, PayloadOrigin]  # by payload digest: the page of this crawl that had it first


def make_warc_name(number: int) -> str:
    return f"warc/{number:05d}.warc.gz"


def make_index_name(number: int) -> str:
    return f"index/{number:05d}.parquet"


class WarcShard:
    """Appends pages to `folder/warc/NNNNN.warc.gz`. One whose payload was fetched before becomes a revisit record."""

    def __init__(self, folder: Path, number: int, firsts: PayloadOrigins, size: int = 0) -> None:
        self.number, self.name, self.firsts = number, make_warc_name(number), firsts
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("r+b" if path.exists() else "w+b")
        self.file.truncate(size)  # what a killed run wrote after its last commit
        self.file.seek(size)
        self.size = size

    def add(
        self, page: CrawledPage, known: IndexRow | None = None, links: list[str] | None = None, via: str = ""
    ) -> IndexRow:
        """Write the page's records and return its index row. Not yet on disk: see `sync`.

        `known` is its row of the snapshot before. `links` are where it leads to; None writes no metadata record.
        """
        if not self.size:
            self._write(records.build_warcinfo(page))
        digest = known["digest"] if known and page.status == REVISIT_STATUS else page.digest
        payload = self._payload(page, digest, known)
        answer = records.build_revisit(page, payload) if payload else records.build_response(page)
        if page.request is not None:
            self._write(records.build_request(page, answer))
        offset, length = self.size, self._write(answer)
        if links is not None:
            self._write(records.build_metadata(page, links, via, answer))
        earlier = known if known and digest == known["digest"] else None  # headers that a 304 may leave out
        return IndexRow(
            url=page.url,
            status=REVISIT_STATUS if payload and page.status == 200 else page.status,
            digest=digest,
            fetched_at=page.fetched_at,
            content_type=page.header("content-type") or (earlier and earlier["content_type"]),
            etag=page.header("etag") or (earlier and earlier["etag"]),
            last_modified=page.header("last-modified") or (earlier and earlier["last_modified"]),
            warc=self.name,
            offset=offset,
            length=length,
            change=classify_change(page.status, digest, known),
            refers_to=payload and payload.url,
            refers_to_at=payload and payload.fetched_at,
            num_links=None if links is None else len(links),
        )

    def _payload(self, page: CrawledPage, digest: str, known: IndexRow | None) -> PayloadOrigin | None:
        """Where the payload was fetched before; else None, and this page is remembered as the first that had it."""
        if known and digest == known["digest"] and page.status in (200, REVISIT_STATUS):
            return PayloadOrigin(known["refers_to"] or known["url"], known["refers_to_at"] or known["fetched_at"])
        if page.body and digest not in self.firsts:
            self.firsts[digest] = PayloadOrigin(page.url, page.fetched_at)
            return None
        return self.firsts[digest] if page.body else None

    def _write(self, record: EncodedRecord) -> int:
        length = self.file.write(records.compress_record(record))
        self.size += length
        return length

    def sync(self) -> None:
        """Force all that was added to disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()


def classify_change(status: int, digest: str, known: IndexRow | None) -> PageChange | None:
    """What an answer says of a page since the snapshot before; None of what was no page and is none."""
    if status in (200, REVISIT_STATUS):
        return "new" if known is None else "unchanged" if digest == known["digest"] else "changed"
    if known is None:
        return None
    return "gone" if status in (404, 410) else "moved" if 300 <= status < 400 else None


def write_index(path: Path, rows: Iterable[IndexRow]) -> None:
    """The index of one WARC file, in its order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), INDEX_SCHEMA), path, compression="zstd")


def write_shard(folder: Path, number: int, pages: Iterable[CrawledPage], tally: Tally) -> None:
    """Write one WARC file and its index from pages; nothing if there are none."""
    rows: list[IndexRow] = []
    with WarcShard(folder, number, {}) as shard:
        for page in pages:
            rows.append(shard.add(page))
            tally.add(rows[-1], len(page.body))
    if rows:
        write_index(folder / make_index_name(number), rows)
    else:
        (folder / shard.name).unlink()
