"""Scrapy's download handler, with every connection checked by the gate of permitted addresses."""

import functools
import socket
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientPayloadError, TCPConnector
from scrapy import Request
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response

from tasks.crawl.web.addresses import AddressGate, get_port
from tasks.crawl.web.credentials import HostHeaders
from tasks.crawl.web.http_parser import TolerantResponseHandler

# A context variable, because aiohttp does not tell the socket factory for which request it opens a socket; each request
# runs in a task, and so in a context, of its own.
IS_PROXIED: ContextVar[bool] = ContextVar("PROXIED", default=False)


class EndedEarly(ClientPayloadError):
    """A server closed the connection before the answer was as long as announced; Scrapy keeps what came."""


class GuardedDownloadHandler(AiohttpDownloadHandler):
    """Downloads over HTTP to permitted addresses only.

    Raises PrivateAddress or MissingContact, or a connection error that has one of them as its cause.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.gate: AddressGate = crawler.settings["GATE"]
        self.host_headers: HostHeaders = crawler.settings.getdict("HOST_HEADERS")
        connector = self._session.connector
        assert isinstance(connector, TCPConnector)
        # aiohttp's public argument `socket_factory`, set afterwards because Scrapy creates the connector
        connector._socket_factory = self.open_socket  # noqa: SLF001
        factory: Any = functools.partial(TolerantResponseHandler, loop=connector._loop)  # noqa: SLF001
        connector._factory = factory  # noqa: SLF001

    def open_socket(self, target: tuple[Any, ...]) -> socket.socket:
        """Open a socket to a permitted address, or to the proxy that the environment names, wherever that is."""
        return socket.socket(*target[:3]) if IS_PROXIED.get() else self.gate(target)

    @staticmethod
    def _extract_headers(response: Any) -> Headers:
        # their bytes: a server's header need not be UTF-8
        return Headers(list(response.raw_headers))

    @staticmethod
    async def _iter_body_chunks(response: Any) -> AsyncIterator[bytes]:
        async for chunk in response.content.iter_any():
            yield chunk
        if (error := getattr(response.content, "ended_early", None)) is not None:
            raise EndedEarly(str(error)) from error

    @staticmethod
    def _is_dataloss_exception(exc: Exception) -> bool:
        return isinstance(exc, EndedEarly)

    def _request_headers(self, request: Request) -> Headers:  # type: ignore[override] # ours depend on the host
        headers = super()._request_headers(request)
        # only here, behind the request that is stored: they are secrets
        for name, value in self.host_headers.get(urlsplit(request.url).netloc, {}).items():
            headers[name] = value
        return headers

    async def download_request(self, request: Request) -> Response:
        """Download a page: Scrapy's hook, called in a task of its own for each request."""
        IS_PROXIED.set(bool(request.meta.get("proxy")))
        # a proxy resolves names itself, out of sight of the gate
        self.gate.check(urlsplit(request.url).hostname or "", get_port(request.url))
        return await super().download_request(request)
