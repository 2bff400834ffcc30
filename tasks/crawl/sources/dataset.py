"""Datasets of the Hugging Face library: by name, or from a folder on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field
from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import compute_content_digest, list_files, refuse_or_count_unusable
from tasks.crawl.inputs.hub import SECTION, is_stream, read_dataset_rows
from tasks.crawl.inputs.rows import Columns, convert_row
from tasks.crawl.inputs.slices import is_table
from tasks.crawl.inputs.urls import check_url_prefix
from tasks.crawl.page import CrawledPage
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import collect_shards
from tasks.crawl.sources._row_source import RowSource
from tasks.runtime.datasets_hub import DatasetOrigin, find_local_folder, load_split
from tasks.store import Artifact, Draft


class Dataset(RowSource):
    """Datasets of the Hugging Face library: by name, or from a folder on this machine."""

    name: str = ""
    """a name on the Hugging Face Hub, a folder of data files, or one that save_to_disk wrote"""
    config: str = ""
    """the configuration (subset) of the dataset; empty: its default"""
    split: str = Field("train", min_length=1)
    """the split; without streaming also a part of one, such as train[:1000]"""
    revision: str = ""
    """branch, tag or commit on the Hub; empty: the newest, looked up again for each snapshot"""
    streaming: bool = False
    """read rows as they arrive, without a copy of the dataset on this disk; each of its files is a shard then"""
    max_rows: int = Field(0, ge=0)
    """maximum number of rows, counted from the first; 0: all. With streaming they are one shard"""
    url_prefix: str = Field("dataset:/", min_length=1)
    """stands before split and row number in the URL of a row that has none"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the contents of a local folder instead of its path.

        So the key stays when the folder moves, and changes with the names and contents of its files.
        """
        folder = find_local_folder(self.name, SECTION)
        if folder is None:
            return {**super().semantic(), "name": self.name}
        listing = list_files(str(folder), SECTION)
        # the library that reads them would wait for a named pipe for ever
        refuse_or_count_unusable(listing, is_table, Tally(), "", skip_broken=False)
        return {**super().semantic(), "name": compute_content_digest(listing.root, listing.names)}

    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Store each row as a page, shard by shard."""
        del previous  # rows have no date of change to ask for
        check_url_prefix(self.url_prefix, SECTION)
        origin = DatasetOrigin(self.name, self.config, self.split, self.revision, self.streaming, SECTION)
        columns, base_url = self.make_columns(SECTION), safe_url_string(self.url_prefix) + quote(self.split)
        shards = {
            f"{number:05d}": (number, origin, part, self.max_rows, columns, base_url)
            for number, part in enumerate(self._split_rows(load_split(origin), size))
        }
        return collect_shards(draft, write_dataset_shard, shards, "rows", Tally(), self.name, f"{SECTION}.name")

    def _split_rows(self, rows: Any, size: ShardSize) -> list[tuple[int, int]]:
        """Return each shard's rows as (start, stop); for a stream, (index of the file, number of files)."""
        if is_stream(rows):
            # max_rows counts from the first row of the stream, so one shard has to read it from there
            return [(0, 1)] if self.max_rows else [(file, rows.num_shards) for file in range(rows.num_shards)]
        stop = min(rows.num_rows, self.max_rows or rows.num_rows)
        return [(start, min(start + size.max_pages, stop)) for start in range(0, stop, size.max_pages)]


def write_dataset_shard(
    out: Path, number: int, origin: DatasetOrigin, part: tuple[int, int], max_rows: int, columns: Columns, base_url: str
) -> dict[str, Any]:
    """Write the rows of one shard as pages, and return their counts."""
    tally = Tally()
    write_shard(out, number, read_dataset_pages(origin, part, max_rows, columns, base_url, tally), tally)
    return tally.to_dict()


def read_dataset_pages(
    origin: DatasetOrigin, part: tuple[int, int], max_rows: int, columns: Columns, base_url: str, tally: Tally
) -> Iterator[CrawledPage]:
    """Read the pages of one part of a dataset; their URLs name split and row, in a stream also the file."""
    rows = load_split(origin)
    if is_stream(rows):
        start, base_url = 0, f"{base_url}/{part[0]:05d}"
        rows = rows.shard(num_shards=part[1], index=part[0]) if part[1] > 1 else rows
    else:
        start = part[0]
        rows = rows.select(range(*part))
    for number, row in enumerate(read_dataset_rows(rows, origin, columns, max_rows), start=start):
        if page := convert_row(row, number, f"the dataset {origin.name}", base_url, 0, columns, tally):
            yield page
