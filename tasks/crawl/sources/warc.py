"""Web archives: WARC, WET and ARC files, packed or not, here or behind a URL; Common Crawl by its path lists."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.archives import BrokenArchive, read_archive_pages
from tasks.crawl.inputs.folder import (
    compute_content_digest,
    format_path,
    join_path,
    list_files,
    open_file,
    refuse_or_count_unusable,
)
from tasks.crawl.inputs.packing import strip_packed_suffix
from tasks.crawl.inputs.path_lists import OutsidePrefix, confine_to_prefix, get_local_prefix, read_path_list
from tasks.crawl.inputs.remote import is_remote
from tasks.crawl.page import PAGE_TYPES, CrawledPage
from tasks.crawl.shard import write_shard
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import OnBroken, Source, collect_shards
from tasks.crawl.web.credentials import FILES_HINT, refuse_credentials
from tasks.errors import StageFailure, Transient
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.crawl")

SETTING = "crawl.source.warc.path"
ARCHIVE_SUFFIXES = (".warc", ".wet", ".arc")  # each also as .gz and .zst
PATH_LIST_SUFFIX = ".paths"
MAX_NAMED_LINES = 5  # refused ones that the log names; all are counted
BROKEN_ARCHIVE, OUTSIDE_PREFIX = "broken archive", "outside the prefix"


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
    """URL or folder of the archives that a path list names; it stands before each line, and no line leads out of it"""
    max_archives: int = Field(0, ge=0)
    """maximum number of archives, counted from the first; 0: all"""
    content_types: list[str] = Field(list(PAGE_TYPES))
    """media types of pages; records of others are skipped"""
    max_megabytes: float = Field(10.0, gt=0)
    """maximum size of a page in megabytes (10^6 bytes); larger ones are skipped"""
    on_error: OnBroken = "fail"
    """damaged records, files that are no archives, and lines of path lists that lead out of the prefix: fail ends the crawl at the first one, skip leaves them out and counts them"""  # noqa: E501 - it becomes one line of help

    def semantic(self) -> dict[str, Any]:
        """Return the settings with the archives' names and contents, or their path list, instead of where they lie."""
        root, names, from_path_list = self._list_archives(Tally())
        # max_archives shows in the list of names, and prefix only says where they lie
        settings = {name: value for name, value in super().semantic().items() if name not in ("prefix", "max_archives")}
        if from_path_list:
            return {**settings, "path": hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()}
        return {**settings, "path": compute_content_digest(root, names)}

    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Copy the pages of each archive into a WARC file of ours, whatever its size."""
        del size, previous  # an archive is a shard of the size that its author chose, and it never changes
        tally = Tally()
        root, names, _ = self._list_archives(tally)
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
        return collect_shards(draft, copy_archive, shards, "archives", tally, self.path, SETTING)

    def _list_archives(self, tally: Tally) -> ArchiveList:
        """List the archives; count what cannot be read, or what a path list may not name. Raises StageFailure."""
        refuse_credentials([self.prefix], "crawl.source.warc.prefix", FILES_HINT)
        listing = list_files(self.path, SETTING)
        refuse_or_count_unusable(
            listing, is_archive_or_list, tally, "crawl.source.warc", skip_broken=self.on_error == "skip"
        )
        names = [name for name in listing.names if has_suffix(name, ARCHIVE_SUFFIXES)]
        path_lists = [name for name in listing.names if has_suffix(name, (PATH_LIST_SUFFIX,))]
        if names or not path_lists:
            return ArchiveList(listing.root, names[: self.max_archives or None], False)
        lines = (name for path in path_lists for name in self._read_lines(join_path(listing.root, path), tally))
        root = self.prefix if is_remote(self.prefix) else str(get_local_prefix(self.prefix))
        return ArchiveList(root, list(dict.fromkeys(lines))[: self.max_archives or None], True)

    def _read_lines(self, path: str, tally: Tally) -> Iterator[str]:
        """Yield the names in a path list, relative to the prefix."""
        for number, line in enumerate(read_path_list(path), start=1):
            try:
                yield confine_to_prefix(line, self.prefix)
            except OutsidePrefix as error:
                message = f"{format_path(path)} line {number} names {line[:200]!r}: {error}"
                if self.on_error != "skip":
                    hint = (
                        f"Set crawl.source.warc.prefix to the place of the archives (it is {self.prefix}), or "
                        "crawl.source.warc.on_error to skip to leave such lines out"
                    )
                    raise StageFailure(message, hint) from error
                tally.count_skipped(OUTSIDE_PREFIX)
                if tally.skipped[OUTSIDE_PREFIX] <= MAX_NAMED_LINES:
                    log.warning("%s; left out", message)


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a name, without `.gz` or `.zst`, ends in one of the suffixes."""
    return strip_packed_suffix(name.lower()).endswith(suffixes)


def is_archive_or_list(name: str) -> bool:
    return has_suffix(name, (*ARCHIVE_SUFFIXES, PATH_LIST_SUFFIX))


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
        except StageFailure as error:
            if not skip_broken or isinstance(error, Transient):
                raise
            log.warning("%s is left out: %s", format_path(path), error.what)
            tally.count_skipped(BROKEN_ARCHIVE)
        except (BrokenArchive, OSError) as error:
            if not skip_broken:
                hint = "Get it again, or set crawl.source.warc.on_error to skip to leave out and count what is damaged"
                raise StageFailure(f"{format_path(path)} cannot be read: {error}", hint) from error
            log.warning("%s is broken: %s", format_path(path), error)
            tally.count_skipped(BROKEN_ARCHIVE)

    write_shard(out, number, read_until_broken(), tally)
    return tally.to_dict()
