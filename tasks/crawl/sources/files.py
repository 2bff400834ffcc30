"""Files on this machine: HTML, text, Markdown, or rows of JSONL and Parquet."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.crawl.documents import KNOWN, Mapping, Slice, grouped, pages, slices
from tasks.crawl.folder import content_digest, listing
from tasks.crawl.shard import fill
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.tally import Tally, spoken
from tasks.draft import Draft
from tasks.failure import StageFailure

SETTING = "crawl.source.files.path"


class Files(Source):
    """Files on this machine: HTML, text, Markdown, or rows of JSONL and Parquet."""

    path: str = ""
    """a file, a folder, or a pattern such as docs/**/*.html; the kind of a file is told by the end of its name"""
    url_prefix: str = Field("file:///", min_length=1)
    """what stands before a file's name in its page's URL, e.g. https://example.org/ for a copy of that site"""
    text_column: str = "text"
    """the column of JSONL and Parquet rows that holds the text"""
    url_column: str = "url"
    """the column that holds the URL; rows without one get the file's URL and their number"""
    title_column: str = "title"
    """the column that holds the title; rows may have none"""
    text_is: Literal["text", "html"] = "text"
    """what the text column holds"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of a page at most; larger ones are skipped"""

    def semantic(self) -> dict[str, Any]:
        """The path is where the files lie; what counts is their names and contents."""
        root, names = listing(self.path, SETTING)
        return {**super().semantic(), "path": content_digest(root, readable(names))}

    def collect(self, draft: Draft, size: ShardSize) -> Tally:
        """Wrap each file or row as a page, shard by shard."""
        root, names = listing(self.path, SETTING)
        known = readable(names)
        if not known:
            raise StageFailure(f"{self.path} holds no file of a known kind", f"Known are {', '.join(KNOWN)}")
        parts = grouped((part for name in known for part in slices(root, name, size)), size)
        shards = {f"{number:05d}": (root, number, part, self._mapping()) for number, part in enumerate(parts)}
        tally = Tally()
        tally.skip("unknown kind of file", len(names) - len(known))
        for counts in draft.map(wrapped, shards, "files").values():
            tally.merge(counts)
        if not tally.pages:
            raise StageFailure(f"{self.path} holds no page ({spoken(tally.skipped)})", f"Choose another {SETTING}")
        return tally

    def _mapping(self) -> Mapping:
        return Mapping(
            text=self.text_column,
            url=self.url_column,
            title=self.title_column,
            content_type="text/html" if self.text_is == "html" else "text/plain",
            url_prefix=self.url_prefix,
            most_bytes=int(self.max_megabytes * 1e6),
        )


def readable(names: list[str]) -> list[str]:
    """Those whose kind is known."""
    return [name for name in names if name.lower().endswith(KNOWN)]


def wrapped(out: Path, root: Path, number: int, parts: list[Slice], mapping: Mapping) -> dict[str, Any]:
    """One shard."""
    tally = Tally()
    fill(out, number, pages(root, parts, mapping, tally), tally)
    return tally.counts()
