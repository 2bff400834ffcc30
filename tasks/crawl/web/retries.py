"""Classify errors of a crawl, and retry after a delay what may succeed later."""

import asyncio
import errno
import math
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import ClientResponseError
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
from tasks.crawl.web.outages import HostOutages, is_healable_status
from tasks.crawl.web.robots import LongCrawlDelay, RefusedByRobots, RobotsFails, RobotsUnavailable, WaitTooLong
from tasks.crawl.web.unpacking import DecompressionBomb, UndecodableBody

MAX_BACKOFF_SECONDS = 60.0  # when the host does not say how long to wait


# In this order: the first class that fits counts, and some are subclasses of later ones.
REASONS_BY_ERROR: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (PrivateAddress, reasons.PRIVATE),
    (MissingContact, reasons.NO_CONTACT),
    (RefusedByRobots, reasons.ROBOTS),
    (WaitTooLong, reasons.WAIT_TOO_LONG),
    (LongCrawlDelay, reasons.LONG_CRAWL_DELAY),
    (RobotsFails, reasons.ROBOTS_FAILS),
    (DecompressionBomb, reasons.UNPACKS_TOO_LARGE),
    (UndecodableBody, reasons.NOT_UNPACKABLE),
    ((UnsupportedURLSchemeError, UnicodeError), reasons.NO_HOST),  # a host that cannot be looked up, such as a..b
    (DownloadTimeoutError, reasons.TIMEOUT),
    (DownloadCancelledError, reasons.TOO_LARGE),
    ((DownloadFailedError, ResponseDataLossError), reasons.BROKEN),
)


def classify_error(error: BaseException) -> str:
    """Return the reason why a URL could not be fetched, in the words of `reasons`."""
    cause = error.__cause__
    if isinstance(error, RobotsUnavailable) and cause is not None:
        return classify_error(cause)
    if isinstance(error, CannotResolveHostError):
        number = getattr(getattr(cause, "os_error", None), "errno", None)
        # EAI_AGAIN: the name server did not answer, which says nothing of the name
        return reasons.NAME_SERVICE if number == socket.EAI_AGAIN else reasons.NO_HOST
    if isinstance(error, DownloadConnectionRefusedError):
        return classify_connection_error(cause)
    if isinstance(cause, ClientResponseError):
        return reasons.MALFORMED
    matches = (reason for kinds, reason in REASONS_BY_ERROR if isinstance(error, kinds))
    return next(matches, f"error ({type(error).__name__})")


def classify_connection_error(cause: BaseException | None) -> str:
    """Return the reason why there is no connection, from aiohttp's error."""
    os_error = getattr(cause, "os_error", None)
    if isinstance(os_error, (PrivateAddress, MissingContact)):
        return classify_error(os_error)
    if isinstance(cause, (ssl.SSLError, ssl.CertificateError)):
        return reasons.CERTIFICATE
    return reasons.REFUSED if getattr(cause, "errno", None) == errno.ECONNREFUSED else reasons.UNREACHABLE


def classify_page_error(error: BaseException, request: Request) -> str:
    """Return the reason why a page could not be fetched: `classify_error`, with slow answers told from silent hosts."""
    reason = classify_error(error)
    head_arrived = "download_latency" in request.meta
    return reasons.TOO_SLOW if reason == reasons.TIMEOUT and head_arrived else reason


class RetryMiddleware:
    """Retries requests whose error may be gone after a while; the delay doubles each time.

    Retry-After (RFC 9110, 10.2.3) holds for the whole host: nothing is asked of it until then. One that is longer than
    the crawl waits raises WaitTooLong, which gives up the host for this run.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.max_retries = crawler.settings.getint("RETRY_TIMES")
        self.first_wait = crawler.settings.getfloat("RETRY_WAIT")
        self.max_retry_after = crawler.settings.getfloat("MAX_RETRY_AFTER")
        self.quiet_until: dict[str, float] = {}  # by host, on the monotonic clock

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def outages(self) -> HostOutages:
        # the spider is made after the middlewares
        spider: Any = self.crawler.spider
        outages: HostOutages = spider.crawl_state.outages
        return outages

    async def process_request(self, request: Request) -> None:
        """Wait while the host wants quiet (Scrapy's hook)."""
        host = urlsplit(request.url).hostname or ""
        # in a loop: another answer of the host may have moved the time while this request slept
        while (seconds := self.quiet_until.get(host, 0.0) - time.monotonic()) > 0:  # noqa: ASYNC110 - a known time
            await asyncio.sleep(seconds)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Retry a busy answer (Scrapy's hook). Raises WaitTooLong."""
        if not is_healable_status(response.status):
            return response
        seconds = parse_retry_after(response)
        if seconds > self.max_retry_after:
            raise WaitTooLong(f"{request.url} asks to wait for {seconds:.0f} s")
        host = urlsplit(request.url).hostname or ""
        self.outages.record_failed_attempt(host)
        self.quiet_until[host] = max(self.quiet_until.get(host, 0.0), time.monotonic() + seconds)
        return await self._retry(request) or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Retry a failed request (Scrapy's hook); None lets the exception pass on."""
        reason = classify_page_error(exception, request)
        if reason in (*reasons.HEALABLE, reasons.NO_HOST) and not isinstance(exception, RobotsUnavailable):
            host = urlsplit(request.url).hostname or ""
            self.outages.record_failed_attempt(host, is_slow=reason == reasons.TOO_SLOW)
        if isinstance(exception, RobotsUnavailable):
            # robots.txt was retried itself, so its host's pages need no retries of their own
            request.meta["cut_short"] = True
            return None
        is_retryable = reason in (*reasons.TRANSIENT, reasons.REFUSED)
        return await self._retry(request) if is_retryable else None

    async def _retry(self, request: Request) -> Request | None:
        attempt = request.meta.get("attempt", 0)
        host = urlsplit(request.url).hostname or ""
        if attempt >= self.max_retries or "probe" in request.meta:
            return None
        if not self.outages.is_suspected(host):
            await asyncio.sleep(min(self.first_wait * math.pow(2, attempt), MAX_BACKOFF_SECONDS))
        if self.outages.is_suspected(host):  # its URLs wait in the frontier until it answers
            request.meta["cut_short"] = True
            return None
        # it would say of the new attempt that the head of an answer arrived: see classify_page_error
        meta = {name: value for name, value in request.meta.items() if name != "download_latency"}
        return request.replace(meta={**meta, "attempt": attempt + 1})


def parse_retry_after(response: Response) -> float:
    """Return the seconds that a host asks to wait, as a number or until a date; 0 when it does not."""
    value = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):  # no date, or one that no clock has
        return 0.0
