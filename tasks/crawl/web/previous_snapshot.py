"""The snapshot before: what to ask whether it changed, where its pages led to, and what is still to be answered."""

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
from tasks.errors import StageFailure
from tasks.store import Draft

# Pages that were known and gave no answer are carried along, so that a later snapshot still asks for them.
UNANSWERED_FILE = "unanswered.parquet"
MEMORY_SCHEMA = pa.schema(
    [pa.field(each.name, pa.int64()) if pa.types.is_timestamp(each.type) else each for each in INDEX_SCHEMA]
)
HINT = "Crawl that snapshot again, or start a new chain of snapshots"


class PreviousSnapshot:
    """The pages of the snapshot before this one, by URL; none when this is the first.

    Raises StageFailure when its index cannot be read.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.table = INDEX_SCHEMA.empty_table() if folder is None else read_index(folder)
        self.place = {url: number for number, url in enumerate(self.table["url"].to_pylist())}
        self.answered: set[int] = set()

    def find(self, url: str) -> IndexRow | None:
        """The page's row."""
        number = self.place.get(url)
        return None if number is None else cast("IndexRow", self.table.slice(number, 1).to_pylist()[0])

    def conditions(self, url: str) -> dict[str, str]:
        """Request headers that ask for the page only if it changed; none unless its links are known without it."""
        row = self.find(url)
        if row is None or row["num_links"] is None:
            return {}
        validators = {"If-None-Match": row["etag"], "If-Modified-Since": row["last_modified"]}
        return {name: value for name, value in validators.items() if value}

    def links(self, row: IndexRow) -> list[str]:
        """Where a page led to, from the metadata record behind it. Raises StageFailure when there is none."""
        if not row["num_links"]:
            return []
        assert self.folder is not None
        path = self.folder / row["warc"]
        try:
            with path.open("rb") as file:
                file.seek(row["offset"] + row["length"])
                found = parse_outlinks(next(iter(ArchiveIterator(file, parse_http=False))).reader.read())
        except (OSError, StopIteration) as error:
            raise StageFailure(f"{path} cannot be read behind byte {row['offset']} ({error})", HINT) from error
        if len(found) != row["num_links"]:
            raise StageFailure(f"{path} does not name the links of {row['url']} where its index says", HINT)
        return found

    def settle(self, url: str) -> bool:
        """An answer says what became of the page; returns whether it was known."""
        if (number := self.place.get(url)) is not None:
            self.answered.add(number)
        return number is not None

    def unanswered(self) -> Iterator[str]:
        """The pages of which no answer says yet what became of them."""
        return (url for url, number in self.place.items() if number not in self.answered)

    def carry(self, draft: Draft, urls: list[str]) -> None:
        """Keep rows for the next snapshot, which asks for these pages in full: no WARC file here has their records."""
        rows = self.table.take(pa.array([self.place[url] for url in urls], pa.int64())).to_pylist()
        here = {"warc": None, "offset": None, "length": None, "change": None, "num_links": None}
        with draft.write(UNANSWERED_FILE) as path:
            pq.write_table(pa.Table.from_pylist([row | here for row in rows], INDEX_SCHEMA), path, compression="zstd")


def read_index(folder: Path) -> pa.Table:
    """The rows of pages: those that answered, and those that are carried along from before."""
    files = [*sorted((folder / "index").glob("*.parquet")), *folder.glob(UNANSWERED_FILE)]
    if not files:
        raise StageFailure(f"{folder} has no index/*.parquet", "Give the artifact of a crawl")
    import pyarrow.dataset as ds  # noqa: PLC0415 - it loads pandas, and who plans a run needs neither

    try:
        table = ds.dataset([str(each) for each in files], schema=INDEX_SCHEMA).to_table(
            filter=pc.field("status").isin([200, REVISIT_STATUS])
        )
    except (pa.ArrowException, OSError) as error:
        raise StageFailure(f"{folder / 'index'} cannot be read as an index of pages ({error})", HINT) from error
    return table.cast(MEMORY_SCHEMA)
