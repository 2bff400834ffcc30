"""How large one WARC file of a crawl becomes."""

from pydantic import Field

from tasks.block import Block


class ShardSize(Block):
    """When a WARC file is full. The stages that follow work shard by shard, so small ones make use of more cores."""

    pages: int = Field(500, ge=1)
    """pages in one WARC file at most"""
    megabytes: int = Field(64, ge=1)
    """megabytes, after which a WARC file is full"""
