"""What a polite crawler does between Scrapy and the servers: robots.txt, and waiting before it asks again."""

import asyncio
import errno
import math
import socket
import ssl
import zlib
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
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser, RobotParser

from tasks.crawl import session
from tasks.crawl.urls import normalised

RETRIED_STATUSES = {408, 429, 500, 502, 503, 504, 522, 524}
LONGEST_WAIT = 60.0  # seconds, whatever Retry-After or Crawl-delay say
ROBOTS_REDIRECTS = 5  # RFC 9309, 2.3.1.2
NOBODY = b"User-agent: *\nDisallow: /\n"
ALL = b""


class Refused(IgnoreRequest):
    """robots.txt does not allow the URL."""


class NoRules(IgnoreRequest):
    """The host gave no answer when it was asked for robots.txt; the cause says why."""


def direct(url: str) -> dict[str, None]:
    """Request meta that keeps this machine's own servers away from a proxy that the environment names."""
    host = urlsplit(url).hostname or ""
    return {"proxy": None} if host in ("localhost", "::1") or host.startswith("127.") else {}


# In this order: Refused is an IgnoreRequest, which is also what an answer raises that unpacks to too much.
REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (Refused, session.ROBOTS),
    (DownloadTimeoutError, session.TIMEOUT),
    ((DownloadCancelledError, IgnoreRequest), session.TOO_LARGE),
    ((DownloadFailedError, ResponseDataLossError), session.BROKEN),
    ((OSError, EOFError, zlib.error), session.PACKED),
)


def why(error: BaseException) -> str:
    """The reason, in a session's words, for which a URL could not be fetched."""
    cause = error.__cause__
    if isinstance(error, NoRules) and cause is not None:
        return why(cause)
    if isinstance(error, CannotResolveHostError):
        number = getattr(getattr(cause, "os_error", None), "errno", None)
        return session.NAME_SERVICE if number == socket.EAI_AGAIN else session.NO_HOST
    if isinstance(error, DownloadConnectionRefusedError):
        if isinstance(cause, (ssl.SSLError, ssl.CertificateError)):
            return session.CERTIFICATE
        return session.REFUSED if getattr(cause, "errno", None) == errno.ECONNREFUSED else session.UNREACHABLE
    named = (reason for kinds, reason in REASONS if isinstance(error, kinds))
    return next(named, f"error ({type(error).__name__})")


class Robots:
    """Asks each site's robots.txt once (RFC 9309), and keeps to it and to its Crawl-delay."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.agent: str = crawler.settings["USER_AGENT"]
        self.rules: dict[str, asyncio.Task[RobotParser]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Scrapy's hook. Raises Refused, or NoRules for all pages of a host that gave no answer."""
        if "robots" in request.meta:
            return
        parts = urlsplit(request.url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self.rules:
            self.rules[site] = asyncio.create_task(self._read(site))
        if not (await self.rules[site]).allowed(request.url, self.agent):
            raise Refused(f"robots.txt of {site} refuses {request.url}")

    async def _read(self, site: str) -> RobotParser:
        rules = ProtegoRobotParser(await self._fetched(f"{site}/robots.txt"), self.crawler.spider)
        delay = rules.crawl_delay(self.agent)
        if delay:
            self._slow_down(urlsplit(site).hostname or "", min(delay, LONGEST_WAIT))
        return rules

    async def _fetched(self, url: str) -> bytes:
        for _ in range(ROBOTS_REDIRECTS + 1):
            try:
                request = Request(url, meta={"robots": True, **direct(url)})
                answer = await self.crawler.engine.download_async(request)
            except Exception as error:  # it was tried again often enough; the host's pages need not be
                raise NoRules(f"{url} cannot be fetched") from error
            if answer.status == 429 or answer.status >= 500:
                return NOBODY  # RFC 9309, 2.3.1.4: unreachable rules forbid everything
            target = (answer.headers.get("Location") or b"").decode("utf-8", "replace")
            if not 300 <= answer.status < 400 or not (moved := normalised(target, url)):
                break
            url = moved
        return answer.body if answer.status == 200 else ALL

    def _slow_down(self, host: str, seconds: float) -> None:
        downloader = self.crawler.engine.downloader
        downloader.per_slot_settings[host] = {
            "delay": max(seconds, self.crawler.settings.getfloat("DOWNLOAD_DELAY")),
            "concurrency": 1,
        }
        slot = downloader.slots.get(host)
        if slot is not None:  # made for robots.txt itself, with the delay from before
            slot.delay, slot.concurrency = downloader.per_slot_settings[host].values()


class Patience:
    """Tries again what may heal, after a delay that doubles each time; Retry-After makes it longer.

    A URL that waits takes up one of its own host's places only, so it slows down no other host.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.retries = crawler.settings.getint("RETRY_TIMES")
        self.first_wait = crawler.settings.getfloat("RETRY_WAIT")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Scrapy's hook."""
        if response.status in RETRIED_STATUSES:
            asked = (response.headers.get("Retry-After") or b"").decode("latin-1")
            return await self._again(request, float(asked) if asked.isdecimal() else 0.0) or response
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Scrapy's hook; None lets the exception go on."""
        heals = not isinstance(exception, NoRules) and why(exception) in (*session.HEALS, session.REFUSED)
        return await self._again(request, 0.0) if heals else None

    async def _again(self, request: Request, asked: float) -> Request | None:
        attempt = request.meta.get("attempt", 0)
        if attempt >= self.retries:
            return None
        wait = max(asked, self.first_wait * math.pow(2, attempt))
        await asyncio.sleep(min(wait, LONGEST_WAIT))
        return request.replace(meta={**request.meta, "attempt": attempt + 1})


class Unread:
    """Keeps an answer whose body was not wanted from being unpacked: there is nothing to unpack."""

    def process_response(self, request: Request, response: Response) -> Response:
        """Scrapy's hook."""
        del request
        if "download_stopped" in response.flags:
            response.headers.pop("Content-Encoding", None)
        return response
