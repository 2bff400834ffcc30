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
from tasks.crawl.sources import OnBroken, Source, collect_shards
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.crawl")

SETTING = "crawl.source.warc.path"
ARCHIVE_SUFFIXES = (".warc", ".wet", ".arc")  # each also as .gz and .zst
PATH_LIST_SUFFIX = ".paths"
BROKEN_ARCHIVE = "broken archive"


class ArchiveList(NamedTuple):
    """The archives that `path` names. `from_path_list`: published archives never change, new ones get new names."""

    root: str
    names: list[str]
    from_path_list: bool


class Warc(Source):
    """Web archives: WARC, WET and ARC files, packed or not, here or behind a URL; Common Crawl by its path lists."""

    path: str = ""
    """a file, a folder, a pattern such as archive/*.warc.gz, or a path list such as warc.paths.gz; here or behind a URL such as https:// or s3://"""  # noqa: E501 - it becomes one line of help
    prefix: str = "https://data.commoncrawl.org/"
    """URL or folder of the archives that a path list names; it stands before each line"""
    max_archives: int = Field(0, ge=0)
    """maximum number of archives, counted from the first; 0: all"""
    content_types: list[str] = Field(list(PAGE_TYPES))
    """media types of pages; records of others are skipped"""
    max_megabytes: float = Field(10.0, gt=0)
    """maximum size of a page in megabytes (10^6 bytes); larger ones are skipped"""
    on_error: OnBroken = "fail"
    """damaged records, and files that are no archives: fail ends the crawl at the first one, skip leaves them out and counts them"""  # noqa: E501 - it becomes one line of help

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the archives' names and contents, or their path list, instead of where they lie."""
        root, names, from_path_list = self._list_archives()
        # max_archives shows in the list of names, and prefix only says where they lie
        settings = {name: value for name, value in super().semantic().items() if name not in ("prefix", "max_archives")}
        if from_path_list:
            return {**settings, "path": hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()}
        return {**settings, "path": compute_content_digest(root, names)}

    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Copy the pages of each archive into a WARC file of ours, whatever its size."""
        del size, previous  # an archive is a shard of the size that its author chose, and it never changes
        root, names, _ = self._list_archives()
        if not names:
            suffixes = ", ".join(
                f"{suffix}, {suffix}.gz, {suffix}.zst" for suffix in (*ARCHIVE_SUFFIXES, PATH_LIST_SUFFIX)
            )
            raise StageFailure(f"{self.path} holds no web archive", f"Known are {suffixes}")
        max_bytes, skip_broken = int(self.max_megabytes * 1e6), self.on_error == "skip"
        shards = {
            f"{number:05d}": (join_path(root, name), number, self.content_types, max_bytes, skip_broken)
            for number, name in enumerate(names)
        }
        return collect_shards(draft, copy_archive, shards, "archives", Tally(), self.path, SETTING)

    def _list_archives(self) -> ArchiveList:
        root, file_names = list_files(self.path, SETTING)
        names = [name for name in file_names if strip_packed_suffix(name.lower()).endswith(ARCHIVE_SUFFIXES)]
        path_lists = [
            join_path(root, name) for name in file_names if strip_packed_suffix(name.lower()).endswith(PATH_LIST_SUFFIX)
        ]
        from_path_list = bool(path_lists) and not names
        if from_path_list:
            root = self.prefix
            names = list(dict.fromkeys(line for path in path_lists for line in read_path_list(path)))
        return ArchiveList(root, names[: self.max_archives or None], from_path_list)


def read_path_list(path: str) -> Iterator[str]:
    """Yield the non-empty lines of a path list. Raises StageFailure."""
    with open_file(path) as file:
        try:
            yield from (line for raw in open_unpacked(file) if (line := raw.decode("utf-8", "replace").strip()))
        except DamagedData as error:
            raise StageFailure(f"{path} cannot be read: {error}", "Get it again") from error


def copy_archive(
    out: Path, path: str, number: int, content_types: list[str], max_bytes: int, skip_broken: bool
) -> dict[str, Any]:
    """Copy the pages of one archive, and return their counts.

    Raises StageFailure that names the archive when it is damaged, and Transient when its server fails.
    """
    tally = Tally()

    def read_until_broken() -> Iterator[CrawledPage]:
        is_arc = strip_packed_suffix(path.lower()).endswith(".arc")
        try:
            with open_file(path) as file:
                yield from read_archive_pages(
                    file, content_types, max_bytes, tally, is_arc=is_arc, skip_broken=skip_broken
                )
        # the pages before the damage have been given out already, and are kept
        except BrokenArchive as error:
            if not skip_broken:
                hint = "Get it again, or set crawl.source.warc.on_error to skip to leave out and count what is damaged"
                raise StageFailure(f"{path} cannot be read: {error}", hint) from error
            log.warning("%s is broken: %s", path, error)
            tally.count_skipped(BROKEN_ARCHIVE)

    write_shard(out, number, read_until_broken(), tally)
    return tally.to_dict()
