"""Files, here or behind a URL: HTML, text, Markdown, or rows of JSONL, Parquet, CSV and TSV."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.crawl.inputs.documents import KNOWN, pages, readable
from tasks.crawl.inputs.folder import content_digest, listing
from tasks.crawl.inputs.rows import Columns, columns_of
from tasks.crawl.inputs.slices import Slice, grouped, slices
from tasks.crawl.shard import fill
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source, gathered
from tasks.crawl.tally import Tally
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.store import Artifact

SECTION = "crawl.source.files"
SETTING = f"{SECTION}.path"


class Files(Source):
    """Files, here or behind a URL: HTML, text, Markdown, or rows of JSONL, Parquet, CSV and TSV."""

    path: str = ""
    """a file, a folder, a pattern such as docs/**/*.html, or a URL such as s3://bucket/docs; the kind of a file is told by the end of its name, before .gz or .zst"""  # noqa: E501 - it becomes one line of help
    url_prefix: str = Field("file:///", min_length=1)
    """what stands before a file's name in its page's URL, e.g. https://example.org/ for a copy of that site"""
    text_column: str = Field("text", min_length=1)
    """the column of a row that holds the text; meta.text is the field text of a column meta"""
    url_column: str = "url"
    """the column that holds the URL; rows without one get the file's URL and their number"""
    title_column: str = "title"
    """the column that holds the title; rows may have none"""
    date_column: str = "date"
    """the column that holds when the page was fetched (ISO 8601); rows without one get the date of their file"""
    text_is: Literal["text", "html"] = "text"
    """what the text column holds"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of a page at most; larger ones are skipped"""
    skip_broken: bool = False
    """leave out broken rows and files, and count them; else they are an error"""

    def semantic(self) -> dict[str, Any]:
        """The path is where the files lie; what counts is their names and contents."""
        root, names = listing(self.path, SETTING)
        return {**super().semantic(), "path": content_digest(root, readable(names))}

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Wrap each file or row as a page, shard by shard."""
        del earlier  # nobody is asked whether a file changed: it is read
        root, names = listing(self.path, SETTING)
        known, columns, tally = readable(names), columns_of(self, SECTION), Tally()
        if not known:
            raise StageFailure(f"{self.path} holds no file of a known kind", f"Known are {', '.join(KNOWN)}")
        tally.skip("unknown kind of file", len(names) - len(known))
        parts = grouped((part for name in known for part in slices(root, name, size, columns, tally)), size)
        shards = {f"{number:05d}": (number, root, part, columns, self.url_prefix) for number, part in enumerate(parts)}
        return gathered(draft, wrapped, shards, "files", tally, self.path, SETTING)


def wrapped(out: Path, number: int, root: str, parts: list[Slice], columns: Columns, url_prefix: str) -> dict[str, Any]:
    """One shard."""
    tally = Tally()
    fill(out, number, pages(root, parts, columns, url_prefix, tally), tally)
    return tally.counts()
