"""The crawl stage: pages from a source into WARC files and their index."""

import time

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.tally import summary
from tasks.draft import Draft
from tasks.stage import stage

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


@stage("crawl", version=1)
def crawl(settings: Crawl, draft: Draft) -> None:
    """Collect the pages, and say what came of it."""
    started = time.monotonic()
    tally = settings.source.chosen.collect(draft, settings.shards)
    counts = tally.counts()
    seconds = time.monotonic() - started
    draft.counts.update(counts, seconds=round(seconds, 2), pages_per_second=round(tally.pages / max(seconds, 1e-6), 1))
    with draft.write("summary.md") as path:
        path.write_text(summary(counts, settings.snapshot))
