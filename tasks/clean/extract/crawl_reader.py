"""Reading a crawl: the rows of an index shard, and each page's body from the WARC file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import polars as pl
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from tasks.errors import StageFailure
from tasks.runtime.parquet_files import scan_parquet

BODY_RECORDS = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
COLUMNS = ("url", "digest", "fetched_at", "content_type", "warc", "offset")
HINT = "Crawl again with --force crawl"
TITLE_HEADER = "X-Textmill-Title"  # WARC header, percent-encoded: the title of a page that was a row of a table


class PageBody(NamedTuple):
    """A page's payload, and the title that the crawl stored beside it."""

    body: bytes
    title: str


def list_index_files(folder: Path) -> list[Path]:
    """Return the index shards of a crawl, in order. Raises StageFailure when there are none."""
    files = sorted((folder / "index").glob("*.parquet"))
    if not files:
        raise StageFailure(f"{folder} has no index/*.parquet", "Give the artifact of a crawl")
    return files


def load_page_rows(index: Path) -> list[dict[str, Any]]:
    """Load the index rows of pages with a body (status 200), in the order of the WARC file. Raises StageFailure."""
    try:
        frame = scan_parquet(index).filter(pl.col("status") == 200).select(COLUMNS).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StageFailure(f"{index} cannot be read as an index of pages: {error}", HINT) from error
    return frame.sort("warc", "offset", maintain_order=True).to_dicts()


class BodyReader:
    """Reader of pages' bodies in one pass over each WARC file: call it in the order of `load_page_rows`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warc = ""
        self._records: Iterator[WarcRecord] = iter(())
        self._record: WarcRecord | None = None

    def read_body(self, warc: str, offset: int, max_bytes: int) -> PageBody | None:
        """Return the decoded body, cut one byte after `max_bytes`; None when no record begins at `offset`.

        Raises StageFailure when the file cannot be read.
        """
        path = self._folder / warc
        try:
            if warc != self._warc:
                self._warc = warc
                self._records = iter(
                    ArchiveIterator(str(path), record_types=BODY_RECORDS, parse_http=False, fsspec_args=False)
                )
                self._record = next(self._records, None)
            # rows come in the order of the file, so the reader never goes back
            while self._record is not None and self._record.stream_pos < offset:
                self._record = next(self._records, None)
            if self._record is None or self._record.stream_pos != offset:
                return None
            self._record.parse_http(auto_decode="all")
            headers = self._record.http_headers
            title = unquote(headers.get(TITLE_HEADER) or "") if headers else ""
            # One byte more than allowed lets `extract_page` see that a page is too large. The limit counts decoded
            # bytes, so that a small compressed body cannot fill the memory.
            body: bytes = self._record.reader.read(max_bytes + 1)
        except OSError as error:
            raise StageFailure(f"{path} cannot be read at byte {offset}: {error}", HINT) from error
        return PageBody(body, title)
