"""The settings of the crawl stage."""

from pydantic import Field

from tasks.block import Block, OneOf
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import FileTrace, Source

__all__ = ["TODAY", "Crawl", "FileTrace"]

TODAY = "today"


class Crawl(Block):
    """Settings of a crawl: the source of pages and the snapshot's name; a stored snapshot is not crawled again."""

    snapshot: str = Field("first", min_length=1)
    """name of this crawl, such as a date; "today" stands for the date of the run: a new crawl every day"""
    source: OneOf[Source] = OneOf[Source](kind="web")
    """where the pages come from: the web, files, web archives or a dataset"""
    shards: ShardSize = ShardSize()
    """size of one WARC file"""

    def with_date(self, today: str) -> "Crawl":
        """Return the settings with the snapshot name "today" replaced by the date, which the key needs."""
        return self.model_copy(update={"snapshot": today}) if self.snapshot == TODAY else self
