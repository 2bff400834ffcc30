"""Files, here or behind a URL: HTML, text, Markdown, or rows of JSONL, Parquet, CSV and TSV."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.documents import KNOWN_SUFFIXES, build_url, is_single_page, read_pages, select_readable
from tasks.crawl.inputs.folder import compute_content_digest, join_path, list_files
from tasks.crawl.inputs.rows import Columns, read_columns
from tasks.crawl.inputs.slices import FileSlice, group_slices, split_file
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source, collect_shards
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

SECTION = "crawl.source.files"
SETTING = f"{SECTION}.path"
UNKNOWN_KIND = "unknown kind of file"


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
        root, names = list_files(self.path, SETTING)
        return {**super().semantic(), "path": compute_content_digest(root, select_readable(names))}

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Wrap each file or row as a page, shard by shard."""
        del earlier  # nobody is asked whether a file changed: it is read
        root, names = list_files(self.path, SETTING)
        known, columns, tally = select_readable(names), read_columns(self, SECTION), Tally()
        if not known:
            raise StageFailure(f"{self.path} holds no file of a known kind", f"Known are {', '.join(KNOWN_SUFFIXES)}")
        tally.skip(UNKNOWN_KIND, len(names) - len(known))
        parts = group_slices((part for name in known for part in split_file(root, name, size, columns, tally)), size)
        shards = {f"{number:05d}": (number, root, part, columns, self.url_prefix) for number, part in enumerate(parts)}
        return collect_shards(draft, write_files_shard, shards, "files", tally, self.path, SETTING)

    def address(self, given: str) -> str:
        """The URL of a file's page, for its path from here or within the folder too."""
        _, name = self._file(given)
        return build_url(self.url_prefix, name) if name else given

    def why_left_out(self, given: str) -> str:
        """Looks at the file as a crawl does. Tables are not looked through: each row is a page."""
        root, name = self._file(given)
        if not name or (select_readable([name]) and not is_single_page(name)):
            return ""
        if not select_readable([name]):
            return UNKNOWN_KIND
        tally, columns = Tally(), replace(read_columns(self, SECTION), skips=True)
        for _ in read_pages(root, [FileSlice(name, 0, None, 0, 1, 0)], columns, self.url_prefix, tally):
            pass
        return ", ".join(tally.skipped)

    def _file(self, given: str) -> tuple[str, str]:
        """The folder and which of its files is meant by a path or URL; no name when it is none of them."""
        root, names = list_files(self.path, SETTING)
        folder, path = Path(root).resolve(), Path(given.removeprefix("file://")).resolve()
        meant = {given, path.relative_to(folder).as_posix() if path.is_relative_to(folder) else given}
        found = (name for name in names if meant & {name, join_path(root, name), build_url(self.url_prefix, name)})
        return root, next(found, "")


def write_files_shard(
    out: Path, number: int, root: str, parts: list[FileSlice], columns: Columns, url_prefix: str
) -> dict[str, Any]:
    """One shard."""
    tally = Tally()
    write_shard(out, number, read_pages(root, parts, columns, url_prefix, tally), tally)
    return tally.counts()
