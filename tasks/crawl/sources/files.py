"""Files, here or behind a URL: HTML, text, Markdown, or rows of JSONL, Parquet, CSV and TSV."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tasks.crawl.counters import Tally, TracingTally
from tasks.crawl.inputs.documents import KNOWN_SUFFIXES, build_url, is_single_page, read_pages, select_readable
from tasks.crawl.inputs.folder import (
    FileListing,
    compute_content_digest,
    join_path,
    list_files,
    refuse_or_count_unusable,
)
from tasks.crawl.inputs.rows import Columns
from tasks.crawl.inputs.slices import FileSlice, group_slices, split_file
from tasks.crawl.inputs.urls import check_url_prefix
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import FileTrace, collect_shards
from tasks.crawl.sources._row_source import RowSource
from tasks.errors import StageFailure
from tasks.input_files.encoding import find_superset
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.crawl")

SECTION = "crawl.source.files"
SETTING = f"{SECTION}.path"
UNKNOWN_KIND = "unknown kind of file"


class Files(RowSource):
    """Files, here or behind a URL: HTML, text, Markdown, or rows of JSONL, Parquet, CSV and TSV."""

    path: str = ""
    """a file, a folder, a pattern such as docs/**/*.html, or a URL such as s3://bucket/docs; the end of a file's name, before .gz or .zst, says its kind"""  # noqa: E501 - it becomes one line of help
    url_prefix: str = Field("file:///", min_length=1)
    """stands before a file's name in its page's URL, e.g. https://example.org/ for a copy of that site"""
    encoding: str = ""
    """character encoding of the files, such as gb18030 or latin-1; empty: guessed for each file, by byte order mark, as UTF-8, then by its bytes"""  # noqa: E501 - it becomes one line of help

    @field_validator("encoding")
    @classmethod
    def check_encoding(cls, encoding: str) -> str:
        """Return Python's name of the encoding. Raises ValueError for an unknown one."""
        try:
            return find_superset(encoding) if encoding else ""
        except LookupError as error:
            raise ValueError(f"there is no encoding {encoding!r}") from error

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the names and contents of the files instead of their path."""
        check_url_prefix(self.url_prefix, SECTION)  # before it stands in a key, a plan or a manifest
        listing = self._list_files(Tally())
        settings = {**super().semantic(), "path": compute_content_digest(listing.root, select_readable(listing.names))}
        if not self.encoding:  # it came later, and must not change the keys of artifacts that were made without it
            del settings["encoding"]
        return settings

    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Store each file or row as a page, shard by shard."""
        del previous  # files are read in full, so there is no need to ask whether they changed
        check_url_prefix(self.url_prefix, SECTION)
        tally, columns = Tally(), self.make_columns(SECTION, self.encoding)
        root, names, _ = self._list_files(tally)
        readable = select_readable(names)
        if not readable:
            raise StageFailure(f"{self.path} holds no file of a known kind", f"Known are {', '.join(KNOWN_SUFFIXES)}")
        tally.count_skipped(UNKNOWN_KIND, len(names) - len(readable))
        if len(readable) < len(names):
            remark = describe_unread(names, readable)
            log.warning("%s: %s", self.path, remark)
            draft.counts["remarks"] = {"files": remark}
        slices = (file_slice for name in readable for file_slice in split_file(root, name, size, columns, tally))
        shards = {
            f"{number:05d}": (number, root, shard_slices, columns, self.url_prefix)
            for number, shard_slices in enumerate(group_slices(slices, size))
        }
        return collect_shards(draft, write_files_shard, shards, "files", tally, self.path, SETTING)

    def resolve_url(self, name: str) -> str:
        """Return the URL of a file's page; `name` is that URL, or the file's path from here or within the folder."""
        root, file_name = self._find_file(name)
        return build_url(self.url_prefix, root, file_name) if file_name else name

    def trace_file(self, name: str) -> FileTrace:
        """Read a file as a crawl does, and return why it, or which rows of it, give no page."""
        root, file_name = self._find_file(name)
        if not file_name:
            return FileTrace()
        problems = dict(list_files(self.path, SETTING).unusable)
        if file_name in problems:
            return FileTrace(problems[file_name])
        if not select_readable([file_name]):
            return FileTrace(UNKNOWN_KIND)
        tally, columns = TracingTally(), replace(self.make_columns(SECTION, self.encoding), skip_broken=True)
        # in one piece, so that its rows come in their order
        slices = list(split_file(root, file_name, ShardSize(), columns, tally))
        first_url = ""
        for page in read_pages(root, slices, columns, self.url_prefix, tally):
            first_url = first_url or page.url
        if is_single_page(file_name):
            return FileTrace(", ".join(tally.skipped))
        return FileTrace(tally.describe_rows(), first_url)

    def _list_files(self, tally: Tally) -> FileListing:
        """List the files; what cannot be read is counted. Raises StageFailure."""
        listing = list_files(self.path, SETTING)
        refuse_or_count_unusable(
            listing, lambda name: bool(select_readable([name])), tally, SECTION, skip_broken=self.on_error == "skip"
        )
        return listing

    def _find_file(self, name: str) -> tuple[str, str]:
        """Return the folder, and the file in it that a path or URL names; an empty name when it names none."""
        root, file_names, unusable = list_files(self.path, SETTING)
        file_names = [*file_names, *(entry.name for entry in unusable)]
        # with the links of folders followed, and not those of the file, which may lead nowhere
        folder, path = Path(root).resolve(), Path(name.removeprefix("file://")).absolute()
        path = path.parent.resolve() / path.name
        spellings = {name, path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name}
        matches = (
            file_name
            for file_name in file_names
            if spellings & {file_name, join_path(root, file_name), build_url(self.url_prefix, root, file_name)}
        )
        return root, next(matches, "")


def describe_unread(names: list[str], readable: list[str]) -> str:
    """Return a sentence on the files of unknown kinds, by their suffixes."""
    counts = Counter(Path(name).suffix.lower() or "no suffix" for name in set(names) - set(readable))
    kinds = ", ".join(
        f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:6]
    )
    return f"{counts.total():,} of {len(names):,} files are of a kind that is not read: {kinds}"


def write_files_shard(
    out: Path, number: int, root: str, slices: list[FileSlice], columns: Columns, url_prefix: str
) -> dict[str, Any]:
    """Write the files and rows of one shard as pages, and return their counts."""
    tally = Tally()
    write_shard(out, number, read_pages(root, slices, columns, url_prefix, tally), tally)
    return tally.to_dict()
