"""Scrapy's download handler, with every connection checked by the gate of permitted addresses."""

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

# A context variable, because aiohttp does not tell the socket factory for which request it opens a socket; each request
# runs in a task, and so in a context, of its own.
IS_PROXIED: ContextVar[bool] = ContextVar("PROXIED", default=False)


class GuardedDownloadHandler(AiohttpDownloadHandler):
    """Downloads over HTTP to permitted addresses only.

    Raises PrivateAddress or MissingContact, or a connection error that has one of them as its cause.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.gate: AddressGate = crawler.settings["GATE"]
        connector = self._session.connector
        assert isinstance(connector, TCPConnector)
        # aiohttp's public argument `socket_factory`, set afterwards because Scrapy creates the connector
        connector._socket_factory = self.open_socket  # noqa: SLF001

    def open_socket(self, target: tuple[Any, ...]) -> socket.socket:
        """Open a socket to a permitted address, or to the proxy that the environment names, wherever that is."""
        return socket.socket(*target[:3]) if IS_PROXIED.get() else self.gate(target)

    async def download_request(self, request: Request) -> Response:
        """Download a page: Scrapy's hook, called in a task of its own for each request."""
        IS_PROXIED.set(bool(request.meta.get("proxy")))
        self.gate.check(urlsplit(request.url).hostname or "")  # a proxy resolves names itself, out of sight of the gate
        return await super().download_request(request)
