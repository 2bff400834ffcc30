"""Datasets of the Hugging Face library: by name, or from a folder on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field
from w3lib.url import safe_url_string

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import compute_content_digest, list_files
from tasks.crawl.inputs.hub import SECTION, is_stream, read_dataset_rows
from tasks.crawl.inputs.rows import Columns, convert_row, read_columns
from tasks.crawl.page import CrawledPage
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source, collect_shards
from tasks.runtime.datasets_hub import DatasetOrigin, find_local_folder, load_split
from tasks.store import Artifact, Draft


class Dataset(Source):
    """Datasets of the Hugging Face library: by name, or from a folder on this machine."""

    name: str = ""
    """a name on the Hugging Face Hub, a folder of data files, or one that save_to_disk wrote"""
    config: str = ""
    """which configuration (subset) of it; none named: its default"""
    split: str = Field("train", min_length=1)
    """which split; without streaming also a part of one, such as train[:1000]"""
    revision: str = ""
    """branch, tag or commit on the Hub; none named: the newest, asked for again with each snapshot"""
    streaming: bool = False
    """read rows as they come, without a copy of the dataset on this disk; each of its files is a shard then"""
    max_rows: int = Field(0, ge=0)
    """rows at most, the first ones; 0: all. With streaming they are one shard"""
    url_prefix: str = Field("dataset:/", min_length=1)
    """what stands before split and number in the URL of a row that has none"""
    text_column: str = Field("text", min_length=1)
    """the column that holds the text; meta.text is the field text of a column meta"""
    url_column: str = "url"
    """the column that holds the URL; rows without one get the split and their number"""
    title_column: str = "title"
    """the column that holds the title; rows may have none"""
    date_column: str = "date"
    """the column that holds when the page was fetched (ISO 8601); rows without one count as of 1970"""
    text_is: Literal["text", "html"] = "text"
    """what the text column holds"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of a page at most; larger ones are skipped"""
    skip_broken: bool = False
    """leave out rows that lack the text column, and count them; else they are an error"""

    def semantic(self) -> dict[str, Any]:
        """A folder's path is where the dataset lies; what counts is the names and contents of its files."""
        folder = find_local_folder(self.name, SECTION)
        return {
            **super().semantic(),
            "name": compute_content_digest(*list_files(str(folder), SECTION)) if folder else self.name,
        }

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Wrap each row as a page, shard by shard."""
        del earlier  # rows have no date of change to ask for
        origin = DatasetOrigin(self.name, self.config, self.split, self.revision, self.streaming, SECTION)
        columns, address = read_columns(self, SECTION), safe_url_string(self.url_prefix) + quote(self.split)
        shards = {
            f"{number:05d}": (number, origin, part, self.max_rows, columns, address)
            for number, part in enumerate(self._parts(load_split(origin), size))
        }
        return collect_shards(draft, write_dataset_shard, shards, "rows", Tally(), self.name, f"{SECTION}.name")

    def _parts(self, rows: Any, size: ShardSize) -> list[tuple[int, int]]:
        """For each shard the first row and the one after the last; of a stream the file, and how many there are."""
        if is_stream(rows):
            return [(0, 1)] if self.max_rows else [(file, rows.num_shards) for file in range(rows.num_shards)]
        stop = min(rows.num_rows, self.max_rows or rows.num_rows)
        return [(start, min(start + size.pages, stop)) for start in range(0, stop, size.pages)]


def write_dataset_shard(
    out: Path, number: int, origin: DatasetOrigin, part: tuple[int, int], max_rows: int, columns: Columns, address: str
) -> dict[str, Any]:
    """One shard."""
    tally = Tally()
    write_shard(out, number, read_dataset_pages(origin, part, max_rows, columns, address, tally), tally)
    return tally.counts()


def read_dataset_pages(
    origin: DatasetOrigin, part: tuple[int, int], max_rows: int, columns: Columns, address: str, tally: Tally
) -> Iterator[CrawledPage]:
    """The pages of one part of a dataset, named by split and row, in a stream also by file."""
    rows = load_split(origin)
    if is_stream(rows):
        first, address = 0, f"{address}/{part[0]:05d}"
        rows = rows.shard(num_shards=part[1], index=part[0]) if part[1] > 1 else rows
    else:
        first = part[0]
        rows = rows.select(range(*part))
    for number, row in enumerate(read_dataset_rows(rows, origin, columns, max_rows), start=first):
        if page := convert_row(row, number, f"the dataset {origin.name}", address, 0, columns, tally):
            yield page
