"""Bodies that end before their announced length: the servers' fault, or that of the network."""

import asyncio
import hashlib
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Response


class ShortBodyMiddleware:
    """Asks again for a body that ended early, and keeps it when it comes the same a second time, as browsers show it.

    Servers with a wrong Content-Length or without a last chunk do so each time, broken connections do not.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.max_requests = max(1, crawler.settings.getint("RETRY_TIMES"))
        self.wait = crawler.settings.getfloat("RETRY_WAIT")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the response, or another request for it (Scrapy's hook). Raises ResponseDataLossError."""
        if "dataloss" not in response.flags:
            return response
        digests = request.meta.get("short_bodies", ())
        digest = hashlib.sha256(response.body).digest()
        if response.body and digests and digests[-1] == digest:
            return response
        if len(digests) >= self.max_requests:
            raise ResponseDataLossError(f"{request.url} ends early, each time elsewhere")
        await asyncio.sleep(self.wait)
        return request.replace(meta={**request.meta, "short_bodies": (*digests, digest)})
