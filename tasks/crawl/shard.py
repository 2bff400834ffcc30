"""One WARC file being written, and the index that goes with it."""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crawl import records
from tasks.crawl.page import REPEATED, Page, Row
from tasks.crawl.tally import Tally

INDEX = pa.schema(
    [
        ("url", pa.string()),
        ("status", pa.int32()),
        ("digest", pa.string()),
        ("fetched_at", pa.timestamp("ms", "UTC")),
        ("content_type", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("warc", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
    ]
)
Firsts = dict[str, tuple[str, int]]  # payload digest → url and time of the page that had it first


def warc_name(number: int) -> str:
    return f"warc/{number:05d}.warc.gz"


def index_name(number: int) -> str:
    return f"index/{number:05d}.parquet"


class Shard:
    """Appends pages to `folder/warc/NNNNN.warc.gz`. A page whose payload is in `firsts` becomes a revisit record."""

    def __init__(self, folder: Path, number: int, firsts: Firsts, size: int = 0) -> None:
        self.number, self.name, self.firsts = number, warc_name(number), firsts
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("r+b" if path.exists() else "w+b")
        self.file.truncate(size)  # what a killed run wrote after its last commit
        self.file.seek(size)
        self.size = size

    def add(self, page: Page) -> Row:
        """Write the page's records and return its index row. Not yet on disk: see `sync`."""
        if not self.size:
            self._write(records.info(page.fetched_at))
        if page.request is not None:
            self._write(records.request(page))
        digest, offset = page.digest, self.size
        first = self.firsts.get(digest) if page.body else None
        if first is None:
            self.firsts[digest] = (page.url, page.fetched_at)
            self._write(records.response(page))
        else:
            self._write(records.revisit(page, *first))
        return Row(
            url=page.url,
            status=REPEATED if first is not None and page.status == 200 else page.status,
            digest=digest,
            fetched_at=page.fetched_at,
            content_type=page.header("content-type"),
            etag=page.header("etag"),
            last_modified=page.header("last-modified"),
            warc=self.name,
            offset=offset,
            length=self.size - offset,
        )

    def _write(self, record: bytes) -> None:
        self.size += self.file.write(records.compressed(record))

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


def write_index(path: Path, rows: Iterable[Row]) -> None:
    """The index of one WARC file, in its order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), INDEX), path, compression="zstd")


def fill(folder: Path, number: int, pages: Iterable[Page], tally: Tally) -> None:
    """Write one WARC file and its index from pages; nothing if there are none."""
    rows: list[Row] = []
    with Shard(folder, number, {}) as shard:
        for page in pages:
            rows.append(shard.add(page))
            tally.add(rows[-1], len(page.body))
    if rows:
        write_index(folder / index_name(number), rows)
    else:
        (folder / shard.name).unlink()
