"""The previous snapshot: its pages can be asked for changes, and their links need not be fetched again."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator

from tasks.crawl.page import REVISIT_STATUS, IndexRow
from tasks.crawl.records import parse_outlinks
from tasks.crawl.shard import INDEX_SCHEMA
from tasks.crawl.web.urls import get_host
from tasks.errors import StageFailure
from tasks.store import Draft

# Known pages that gave no answer are carried over in this file, so that the next snapshot still asks for them.
UNANSWERED_FILE = "unanswered.parquet"
# Timestamps as milliseconds in int64, as IndexRow has them.
MEMORY_SCHEMA = pa.schema(
    [pa.field(column.name, pa.int64()) if pa.types.is_timestamp(column.type) else column for column in INDEX_SCHEMA]
)
HINT = "Crawl that snapshot again, or start a new series of snapshots"


class PreviousSnapshot:
    """The pages of the previous snapshot, by URL; none when this snapshot is the first.

    Raises StageFailure when the index cannot be read.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.table = INDEX_SCHEMA.empty_table() if folder is None else read_index(folder)
        self.row_numbers = {url: number for number, url in enumerate(self.table["url"].to_pylist())}
        self.answered: set[int] = set()  # row numbers

    @functools.cached_property
    def urls_by_host(self) -> dict[str, str]:
        return {get_host(url): url for url in self.row_numbers}

    def find_url_of_host(self, host: str) -> str:
        """Return the URL of a page of a host; empty when none is known."""
        return self.urls_by_host.get(host, "")

    def find_row(self, url: str) -> IndexRow | None:
        """Return the row of a page; None when the page is not known."""
        number = self.row_numbers.get(url)
        # the index stays a table, and a row becomes a dictionary only when it is asked for: that takes far less memory
        return None if number is None else cast("IndexRow", self.table.slice(number, 1).to_pylist()[0])

    def make_conditional_headers(self, url: str) -> dict[str, str]:
        """Return request headers that ask for a page only if it changed."""
        row = self.find_row(url)
        # without known links the page is needed in full: a 304 has no body to find them in
        if row is None or row["num_links"] is None:
            return {}
        validators = {"If-None-Match": row["etag"], "If-Modified-Since": row["last_modified"]}
        return {name: value for name, value in validators.items() if value}

    def read_links(self, row: IndexRow) -> list[str]:
        """Read the links of a page from the metadata record behind its own. Raises StageFailure when there is none."""
        if not row["num_links"]:
            return []
        assert self.folder is not None
        path = self.folder / row["warc"]
        try:
            with path.open("rb") as file:
                # each record is a gzip member of its own, so reading can begin at any of them
                file.seek(row["offset"] + row["length"])
                links = parse_outlinks(next(iter(ArchiveIterator(file, parse_http=False))).reader.read())
        except (OSError, StopIteration) as error:
            raise StageFailure(f"{path} cannot be read behind byte {row['offset']} ({error})", HINT) from error
        if len(links) != row["num_links"]:
            raise StageFailure(f"{path} does not name the links of {row['url']} where its index says", HINT)
        return links

    def mark_answered(self, url: str) -> bool:
        """Note that an answer says what became of a page; return whether the page was known."""
        if (number := self.row_numbers.get(url)) is not None:
            self.answered.add(number)
        return number is not None

    def find_unanswered(self) -> Iterator[str]:
        """Yield the URLs of pages of which no answer says yet what became of them."""
        return (url for url, number in self.row_numbers.items() if number not in self.answered)

    def carry_over(self, draft: Draft, urls: list[str]) -> None:
        """Write the rows of pages for the next snapshot, which will ask for them in full."""
        rows = self.table.take(pa.array([self.row_numbers[url] for url in urls], pa.int64())).to_pylist()
        # no WARC file of this snapshot has their records
        without_record = {"warc": None, "offset": None, "length": None, "change": None, "num_links": None}
        with draft.write(UNANSWERED_FILE) as path:
            pq.write_table(
                pa.Table.from_pylist([row | without_record for row in rows], INDEX_SCHEMA), path, compression="zstd"
            )


def read_index(folder: Path) -> pa.Table:
    """Read the rows of a crawl's pages: those that answered, and those that were carried over."""
    files = [*sorted((folder / "index").glob("*.parquet")), *folder.glob(UNANSWERED_FILE)]
    if not files:
        raise StageFailure(f"{folder} has no index/*.parquet", "Give the artifact of a crawl")
    import pyarrow.dataset as ds  # noqa: PLC0415 - it loads pandas, and planning a run needs neither

    try:
        table = ds.dataset([str(path) for path in files], schema=INDEX_SCHEMA).to_table(
            filter=pc.field("status").isin([200, REVISIT_STATUS])
        )
    except (pa.ArrowException, OSError) as error:
        raise StageFailure(f"{folder / 'index'} cannot be read as an index of pages ({error})", HINT) from error
    return table.cast(MEMORY_SCHEMA)
