"""How a polite crawler takes an answer: it waits before it asks again, and knows why it got none."""

import asyncio
import errno
import math
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response

from tasks.crawl.web import reasons
from tasks.crawl.web.addresses import MissingContact, PrivateAddress
from tasks.crawl.web.robots import RefusedByRobots, RobotsUnavailable, WaitTooLong
from tasks.crawl.web.unpacking import DecompressionBomb, UndecodableBody

RETRIED_STATUSES = {408, 429, 500, 502, 503, 504, 522, 524}
MAX_BACKOFF_SECONDS = 60.0  # seconds, when the host does not say how long


# In this order: Refused and AskedToWait are IgnoreRequests too.
REASONS_BY_ERROR: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (PrivateAddress, reasons.PRIVATE),
    (MissingContact, reasons.NO_CONTACT),
    (RefusedByRobots, reasons.ROBOTS),
    (WaitTooLong, reasons.WAIT_TOO_LONG),
    (DecompressionBomb, reasons.UNPACKS_TOO_LARGE),
    (UndecodableBody, reasons.NOT_UNPACKABLE),
    ((UnsupportedURLSchemeError, UnicodeError), reasons.NO_HOST),  # a host that cannot be looked up, such as a..b
    (DownloadTimeoutError, reasons.TIMEOUT),
    (DownloadCancelledError, reasons.TOO_LARGE),
    ((DownloadFailedError, ResponseDataLossError), reasons.BROKEN),
)


def classify_error(error: BaseException) -> str:
    """The reason for which a URL could not be fetched, in the words of `reasons`."""
    cause = error.__cause__
    if isinstance(error, RobotsUnavailable) and cause is not None:
        return classify_error(cause)
    if isinstance(error, CannotResolveHostError):
        number = getattr(getattr(cause, "os_error", None), "errno", None)
        return reasons.NAME_SERVICE if number == socket.EAI_AGAIN else reasons.NO_HOST
    if isinstance(error, DownloadConnectionRefusedError):
        return classify_connection_error(cause)
    named = (reason for kinds, reason in REASONS_BY_ERROR if isinstance(error, kinds))
    return next(named, f"error ({type(error).__name__})")


def classify_connection_error(cause: BaseException | None) -> str:
    """Why there is no connection, from aiohttp's error."""
    refused = getattr(cause, "os_error", None)
    if isinstance(refused, (PrivateAddress, MissingContact)):
        return classify_error(refused)
    if isinstance(cause, (ssl.SSLError, ssl.CertificateError)):
        return reasons.CERTIFICATE
    return reasons.REFUSED if getattr(cause, "errno", None) == errno.ECONNREFUSED else reasons.UNREACHABLE


def classify_page_error(error: BaseException, request: Request) -> str:
    """The same for a page: one whose head came in time and whose end did not is slow, its host is not silent."""
    reason = classify_error(error)
    begun = "download_latency" in request.meta
    return reasons.TOO_SLOW if reason == reasons.TIMEOUT and begun else reason


class RetryMiddleware:
    """Tries again what may heal, after a delay that doubles each time.

    Retry-After (RFC 9110, 10.2.3) holds for the whole host: nothing is asked of it until then. One that is longer than
    the crawl waits raises AskedToWait, which gives up the host for this run.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.retries = crawler.settings.getint("RETRY_TIMES")
        self.first_wait = crawler.settings.getfloat("RETRY_WAIT")
        self.longest_wait = crawler.settings.getfloat("LONGEST_WAIT")
        self.quiet_until: dict[str, float] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Scrapy's hook: wait while the host wants quiet."""
        host = urlsplit(request.url).hostname or ""
        while (left := self.quiet_until.get(host, 0.0) - time.monotonic()) > 0:  # noqa: ASYNC110 - it is a time
            await asyncio.sleep(left)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Scrapy's hook. Raises AskedToWait."""
        if response.status not in RETRIED_STATUSES:
            return response
        asked = parse_retry_after(response)
        if asked > self.longest_wait:
            raise WaitTooLong(f"{request.url} asks to wait for {asked:.0f} s")
        host = urlsplit(request.url).hostname or ""
        self.quiet_until[host] = max(self.quiet_until.get(host, 0.0), time.monotonic() + asked)
        return await self._again(request) or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Scrapy's hook; None lets the exception go on."""
        reason = classify_page_error(exception, request)
        heals = not isinstance(exception, RobotsUnavailable) and reason in (*reasons.TRANSIENT, reasons.REFUSED)
        return await self._again(request) if heals else None

    async def _again(self, request: Request) -> Request | None:
        attempt = request.meta.get("attempt", 0)
        if attempt >= self.retries:
            return None
        await asyncio.sleep(min(self.first_wait * math.pow(2, attempt), MAX_BACKOFF_SECONDS))
        meta = {name: value for name, value in request.meta.items() if name != "download_latency"}
        return request.replace(meta={**meta, "attempt": attempt + 1})


def parse_retry_after(response: Response) -> float:
    """Seconds that the host asks to wait, given as such or as a date; 0 when it does not."""
    asked = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0
