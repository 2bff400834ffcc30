"""Settings for the size of one WARC file of a crawl."""

from pydantic import Field

from tasks.block import Block


class ShardSize(Block):
    """When a WARC file is full. Later stages work shard by shard, so small shards make use of more cores."""

    max_pages: int = Field(500, ge=1)
    """maximum number of pages in one WARC file"""
    max_megabytes: int = Field(64, ge=1)
    """megabytes (2^20 bytes) after which a WARC file is full; the page that passes the limit still goes into it"""
