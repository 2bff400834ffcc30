"""The settings of the crawl stage."""

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source

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
