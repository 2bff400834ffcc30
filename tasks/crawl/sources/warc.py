"""Web archives: WARC, WET and ARC files, packed or not, here or behind a URL; Common Crawl by its path lists."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.archives import Broken, pages
from tasks.crawl.inputs.folder import content_digest, joined, listing, opened
from tasks.crawl.inputs.packing import Damaged, bare, unpacked
from tasks.crawl.page import READABLE, Page
from tasks.crawl.shard import fill
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source, gathered
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

log = logging.getLogger("textmill.crawl")

SETTING = "crawl.source.warc.path"
KINDS = (".warc", ".wet", ".arc")  # each also as .gz and .zst
LIST = ".paths"
BROKEN = "broken archive"


class Archives(NamedTuple):
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
    content_types: list[str] = Field(list(READABLE))
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
        return {**what, "path": content or content_digest(root, names)}

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Copy the pages of each archive into a WARC file of ours, whatever its size."""
        del size, earlier  # an archive is a shard: it was rolled by whoever wrote it, and never changes
        root, names, _ = self._archives()
        if not names:
            known = ", ".join(f"{kind}, {kind}.gz, {kind}.zst" for kind in (*KINDS, LIST))
            raise StageFailure(f"{self.path} holds no web archive", f"Known are {known}")
        most_bytes = int(self.max_megabytes * 1e6)
        shards = {
            f"{number:05d}": (joined(root, name), number, self.content_types, most_bytes, self.skip_broken)
            for number, name in enumerate(names)
        }
        return gathered(draft, copied, shards, "archives", Tally(), self.path, SETTING)

    def _archives(self) -> Archives:
        root, names = listing(self.path, SETTING)
        found = [name for name in names if bare(name.lower()).endswith(KINDS)]
        lists = [joined(root, name) for name in names if bare(name.lower()).endswith(LIST)]
        listed = bool(lists) and not found
        if listed:
            root, found = self.prefix, list(dict.fromkeys(line for path in lists for line in lines(path)))
        return Archives(root, found[: self.max_archives or None], listed)


def lines(path: str) -> Iterator[str]:
    """The lines of a path list that are not empty. Raises StageFailure."""
    with opened(path) as file:
        try:
            yield from (line for raw in unpacked(file) if (line := raw.decode("utf-8", "replace").strip()))
        except Damaged as error:
            raise StageFailure(f"{path} cannot be read: {error}", "Get it again") from error


def copied(
    out: Path, path: str, number: int, content_types: list[str], most_bytes: int, skip_broken: bool
) -> dict[str, Any]:
    """One archive. Raises StageFailure that names it when it is damaged, and Transient when its server is."""
    tally = Tally()

    def until_broken() -> Iterator[Page]:
        arc = bare(path.lower()).endswith(".arc")
        try:
            with opened(path) as file:
                yield from pages(file, content_types, most_bytes, tally, arc=arc, skips=skip_broken)
        except Broken as error:
            if not skip_broken:
                mend = "Get it again, or set crawl.source.warc.skip_broken to leave out and count what is damaged"
                raise StageFailure(f"{path} cannot be read: {error}", mend) from error
            log.warning("%s is broken: %s", path, error)
            tally.skip(BROKEN)

    fill(out, number, until_broken(), tally)
    return tally.counts()
