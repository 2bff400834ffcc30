"""Web archives: WARC, WET and ARC files, packed or not, here or behind a URL; Common Crawl by its path lists."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.archives import BrokenArchive, read_archive_pages
from tasks.crawl.inputs.folder import compute_content_digest, join_path, list_files, open_file
from tasks.crawl.inputs.packing import DamagedData, open_unpacked, strip_packed_suffix
from tasks.crawl.page import PAGE_TYPES, CrawledPage
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source, collect_shards
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.crawl")

SETTING = "crawl.source.warc.path"
ARCHIVE_SUFFIXES = (".warc", ".wet", ".arc")  # each also as .gz and .zst
PATH_LIST_SUFFIX = ".paths"
BROKEN_ARCHIVE = "broken archive"


class ArchiveList(NamedTuple):
    """Which archives are meant. Those of a path list never change: whoever publishes one gives new ones new names."""

    root: str
    names: list[str]
    listed: bool


class Warc(Source):
    """Web archives: WARC, WET and ARC files, packed or not, here or behind a URL; Common Crawl by its path lists."""

    path: str = ""
    """a file, a folder, a pattern such as archive/*.warc.gz, or a path list such as warc.paths.gz; here or behind a URL such as https:// or s3://"""  # noqa: E501 - it becomes one line of help
    prefix: str = "https://data.commoncrawl.org/"
    """where the archives of a path list lie: a URL or a folder; it stands before each line"""
    max_archives: int = Field(0, ge=0)
    """archives at most, the first ones; 0: all"""
    content_types: list[str] = Field(list(PAGE_TYPES))
    """media types that are pages; others are skipped"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of a page at most; larger ones are skipped"""
    skip_broken: bool = False
    """go on behind damaged records and after archives that are none, and count them; else they are an error"""

    def semantic(self) -> dict[str, Any]:
        """Path and prefix are where the archives lie; what counts is their names and contents, or their path list."""
        root, names, listed = self._archives()
        content = hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest() if listed else ""
        what = {name: value for name, value in super().semantic().items() if name not in ("prefix", "max_archives")}
        return {**what, "path": content or compute_content_digest(root, names)}

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Copy the pages of each archive into a WARC file of ours, whatever its size."""
        del size, earlier  # an archive is a shard: it was rolled by whoever wrote it, and never changes
        root, names, _ = self._archives()
        if not names:
            known = ", ".join(f"{kind}, {kind}.gz, {kind}.zst" for kind in (*ARCHIVE_SUFFIXES, PATH_LIST_SUFFIX))
            raise StageFailure(f"{self.path} holds no web archive", f"Known are {known}")
        most_bytes = int(self.max_megabytes * 1e6)
        shards = {
            f"{number:05d}": (join_path(root, name), number, self.content_types, most_bytes, self.skip_broken)
            for number, name in enumerate(names)
        }
        return collect_shards(draft, copy_archive, shards, "archives", Tally(), self.path, SETTING)

    def _archives(self) -> ArchiveList:
        root, names = list_files(self.path, SETTING)
        found = [name for name in names if strip_packed_suffix(name.lower()).endswith(ARCHIVE_SUFFIXES)]
        lists = [
            join_path(root, name) for name in names if strip_packed_suffix(name.lower()).endswith(PATH_LIST_SUFFIX)
        ]
        listed = bool(lists) and not found
        if listed:
            root, found = self.prefix, list(dict.fromkeys(line for path in lists for line in read_path_list(path)))
        return ArchiveList(root, found[: self.max_archives or None], listed)


def read_path_list(path: str) -> Iterator[str]:
    """The lines of a path list that are not empty. Raises StageFailure."""
    with open_file(path) as file:
        try:
            yield from (line for raw in open_unpacked(file) if (line := raw.decode("utf-8", "replace").strip()))
        except DamagedData as error:
            raise StageFailure(f"{path} cannot be read: {error}", "Get it again") from error


def copy_archive(
    out: Path, path: str, number: int, content_types: list[str], most_bytes: int, skip_broken: bool
) -> dict[str, Any]:
    """One archive. Raises StageFailure that names it when it is damaged, and Transient when its server is."""
    tally = Tally()

    def until_broken() -> Iterator[CrawledPage]:
        arc = strip_packed_suffix(path.lower()).endswith(".arc")
        try:
            with open_file(path) as file:
                yield from read_archive_pages(file, content_types, most_bytes, tally, arc=arc, skips=skip_broken)
        except BrokenArchive as error:
            if not skip_broken:
                mend = "Get it again, or set crawl.source.warc.skip_broken to leave out and count what is damaged"
                raise StageFailure(f"{path} cannot be read: {error}", mend) from error
            log.warning("%s is broken: %s", path, error)
            tally.skip(BROKEN_ARCHIVE)

    write_shard(out, number, until_broken(), tally)
    return tally.counts()
