"""Web archives: WARC, WET and ARC files, packed or not."""

import logging
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.crawl.archives import Broken, pages
from tasks.crawl.folder import content_digest, listing
from tasks.crawl.page import READABLE
from tasks.crawl.shard import fill
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.tally import Tally, spoken
from tasks.draft import Draft
from tasks.failure import StageFailure

log = logging.getLogger("textmill.crawl")

SETTING = "crawl.source.warc.path"
KNOWN = (".warc", ".warc.gz", ".wet", ".wet.gz", ".arc", ".arc.gz")
BROKEN = "broken archive"


class Warc(Source):
    """Web archives: WARC, WET and ARC files, packed or not."""

    path: str = ""
    """a file, a folder, or a pattern such as archive/*.warc.gz"""
    content_types: list[str] = Field(list(READABLE))
    """media types that are pages; others are skipped"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of a page at most; larger ones are skipped"""
    skip_broken: bool = False
    """go on after an archive that is cut off or none; what it holds up to there is kept"""

    def semantic(self) -> dict[str, Any]:
        """The path is where the archives lie; what counts is their names and contents."""
        root, names = listing(self.path, SETTING)
        return {**super().semantic(), "path": content_digest(root, archives(names))}

    def collect(self, draft: Draft, size: ShardSize) -> Tally:
        """Copy the pages of each archive into a WARC file of ours, whatever its size."""
        del size  # an archive is a shard: it was rolled by whoever wrote it
        root, names = listing(self.path, SETTING)
        known = archives(names)
        if not known:
            raise StageFailure(f"{self.path} holds no web archive", f"Known are {', '.join(KNOWN)}")
        shards = {
            f"{number:05d}": (root / name, number, self.content_types, int(self.max_megabytes * 1e6), self.skip_broken)
            for number, name in enumerate(known)
        }
        tally = Tally()
        for counts in draft.map(copied, shards, "archives").values():
            tally.merge(counts)
        if not tally.pages:
            raise StageFailure(f"{self.path} holds no page ({spoken(tally.skipped)})", f"Choose another {SETTING}")
        return tally


def archives(names: list[str]) -> list[str]:
    """Those that end as archives do."""
    return [name for name in names if name.lower().endswith(KNOWN)]


def copied(
    out: Path, path: Path, number: int, content_types: list[str], most_bytes: int, skip_broken: bool
) -> dict[str, Any]:
    """One archive. Raises StageFailure that names it when it is broken."""
    tally = Tally()

    def until_broken() -> Any:
        try:
            yield from pages(path, content_types, most_bytes, tally)
        except Broken as error:
            if not skip_broken:
                mend = "Get it again, or set crawl.source.warc.skip_broken to keep what comes before"
                raise StageFailure(f"{path} cannot be read: {error}", mend) from error
            log.warning("%s is broken: %s", path, error)
            tally.skip(BROKEN)

    fill(out, number, until_broken(), tally)
    return tally.counts()
