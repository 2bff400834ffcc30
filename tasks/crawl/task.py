"""The crawl stage: pages from a source into WARC files and their index."""

import time

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.summary import summary
from tasks.draft import Draft
from tasks.stage import stage
from tasks.store import Artifact

TODAY = "today"


class Crawl(Block):
    """Where pages come from. Each snapshot is a crawl of its own; the same snapshot is not crawled again."""

    snapshot: str = Field("first", min_length=1)
    """name of this crawl, such as a date; "today" becomes the date, so that there is a new crawl every day"""
    source: OneOf[Source] = OneOf[Source](kind="web")
    """where pages come from"""
    shards: ShardSize = ShardSize()
    """how large one WARC file becomes"""

    def dated(self, today: str) -> "Crawl":
        """The same with "today" replaced by the date, as the key needs it."""
        return self.model_copy(update={"snapshot": today}) if self.snapshot == TODAY else self


@stage("crawl", version=2)
def crawl(settings: Crawl, draft: Draft, *earlier: Artifact) -> None:
    """Collect the pages, and say what came of it. `earlier` holds at most the snapshot before this one."""
    started = time.monotonic()
    tally = settings.source.chosen.collect(draft, settings.shards, earlier[-1] if earlier else None)
    seconds = time.monotonic() - started
    pace = (tally.answers - tally.resumed) / max(seconds, 1e-6)
    draft.counts.update(tally.counts(), seconds=round(seconds, 2), pages_per_second=round(pace, 1))
    with draft.write("summary.md") as path:
        path.write_text(summary(draft.counts, settings.snapshot))
