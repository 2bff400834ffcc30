"""Scrapy's download handler, with every connection made through the gate that knows which addresses are permitted."""

import socket
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from aiohttp import TCPConnector
from scrapy import Request
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from tasks.crawl.web.addresses import AddressGate

IS_PROXIED: ContextVar[bool] = ContextVar("PROXIED", default=False)


class GuardedDownloadHandler(AiohttpDownloadHandler):
    """Downloads over HTTP; raises PrivateAddress, or a connection error with it as the reason."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.gate: AddressGate = crawler.settings["GATE"]
        connector = self._session.connector
        assert isinstance(connector, TCPConnector)
        # aiohttp's public argument `socket_factory`, set afterwards because Scrapy makes the connector
        connector._socket_factory = self.gated  # noqa: SLF001

    def gated(self, target: tuple[Any, ...]) -> socket.socket:
        """A socket to a permitted address, or to the proxy that the environment names, wherever that is."""
        return socket.socket(*target[:3]) if IS_PROXIED.get() else self.gate(target)

    async def download_request(self, request: Request) -> Response:
        """Scrapy's hook, called in a task of its own for each request."""
        IS_PROXIED.set(bool(request.meta.get("proxy")))
        self.gate.check(urlsplit(request.url).hostname or "")  # a proxy would resolve names itself
        return await super().download_request(request)
