"""The pages artifact: the rows of an index shard, and each page's body from the WARC file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import polars as pl
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from tasks.errors import StageFailure

BODIES = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
COLUMNS = ("url", "digest", "fetched_at", "content_type", "warc", "offset")
MEND = "Crawl again with --force crawl"


TITLE = "X-Textmill-Title"  # percent-encoded: what a row of a table had as its title


class Body(NamedTuple):
    """A page's payload, and the title that it was given outside of it."""

    body: bytes
    title: str


def index_files(folder: Path) -> list[Path]:
    """The index shards of a pages artifact, in order. Raises StageFailure when there are none."""
    files = sorted((folder / "index").glob("*.parquet"))
    if not files:
        raise StageFailure(f"{folder} has no index/*.parquet", "Give the artifact of a crawl")
    return files


def rows(index: Path) -> list[dict[str, Any]]:
    """The rows of pages that came with a body (status 200), in the order of the WARC file."""
    try:
        frame = pl.scan_parquet(index).filter(pl.col("status") == 200).select(COLUMNS).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StageFailure(f"{index} cannot be read as an index of pages: {error}", MEND) from error
    return frame.sort("warc", "offset", maintain_order=True).to_dicts()


class Bodies:
    """Bodies of pages, read in one pass over each WARC file: ask in the order of `rows`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warc = ""
        self._records: Iterator[WarcRecord] = iter(())
        self._record: WarcRecord | None = None

    def at(self, warc: str, offset: int, most_bytes: int) -> Body | None:
        """The decoded body, at most one byte more than `most_bytes`; None when no such record stands there.

        Raises StageFailure when the file cannot be read.
        """
        path = self._folder / warc
        try:
            if warc != self._warc:
                self._warc = warc
                self._records = iter(
                    ArchiveIterator(str(path), record_types=BODIES, parse_http=False, fsspec_args=False)
                )
                self._record = next(self._records, None)
            while self._record is not None and self._record.stream_pos < offset:
                self._record = next(self._records, None)
            if self._record is None or self._record.stream_pos != offset:
                return None
            self._record.parse_http(auto_decode="all")
            headers = self._record.http_headers
            title = unquote(headers.get(TITLE) or "") if headers else ""
            body: bytes = self._record.reader.read(most_bytes + 1)
        except OSError as error:
            raise StageFailure(f"{path} cannot be read at byte {offset}: {error}", MEND) from error
        return Body(body, title)
