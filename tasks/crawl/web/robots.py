"""Obey robots.txt (RFC 9309), fetched once a day from each site: permitted URLs, Crawl-delay, sitemaps."""

import asyncio
import time
from typing import Self
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest, StopDownload

from tasks.crawl.web.directives import parse_product_name
from tasks.crawl.web.response_text import decode_location
from tasks.crawl.web.unpacking import DecompressionBomb
from tasks.crawl.web.urls import normalise_url

MAX_REDIRECTS = 5  # RFC 9309, 2.3.1.2
MAX_ROBOTS_BYTES = 500 << 10  # RFC 9309, 2.5: at least that much is parsed
CACHE_SECONDS = 24 * 3600  # RFC 9309, 2.4
FAILURE_SECONDS = 60
DISALLOW_ALL = b"User-agent: *\nDisallow: /\n"
ALLOW_ALL = b""


class RefusedByRobots(IgnoreRequest):
    """A URL is not allowed by robots.txt."""


class WaitTooLong(IgnoreRequest):
    """A host asks to wait longer than this crawl does, by Retry-After."""


class LongCrawlDelay(IgnoreRequest):
    """A host wants more time between two requests than this crawl takes, by Crawl-delay."""


class RobotsFails(IgnoreRequest):
    """robots.txt was answered with 429 or 5xx: until it is read, all URLs are forbidden (RFC 9309, 2.3.1.4)."""


class RobotsUnavailable(IgnoreRequest):
    """A host gave no answer to the request for robots.txt; the cause says why."""


def make_proxy_meta(url: str) -> dict[str, None]:
    """Return request meta that keeps requests to this machine from going through the environment's proxy."""
    host = urlsplit(url).hostname or ""
    return {"proxy": None} if host in ("localhost", "::1") or host.startswith("127.") else {}


class RobotsMiddleware:
    """Scrapy middleware that obeys each site's robots.txt and Crawl-delay."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.agent = parse_product_name(crawler.settings["USER_AGENT"])
        self.max_retry_after = crawler.settings.getfloat("MAX_RETRY_AFTER")
        self.read_at: dict[str, float] = {}
        self.rules: dict[str, asyncio.Task[Protego]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware.bytes_received, signals.bytes_received)
        return middleware

    def bytes_received(self, data: bytes, request: Request) -> None:
        """Cut off an endless robots.txt (Scrapy's signal)."""
        if "robots" in request.meta:
            request.meta["robots"] += len(data)
            if request.meta["robots"] > MAX_ROBOTS_BYTES:
                # not a failure: what arrived so far goes on as the answer
                raise StopDownload(fail=False)

    async def process_request(self, request: Request) -> None:
        """Check a request against robots.txt (Scrapy's hook).

        Raises RefusedByRobots, WaitTooLong, or RobotsUnavailable for all pages of a host that gave no answer.
        """
        if "robots" in request.meta:
            return
        site = get_site(request.url)
        rules = await self.get_rules(site, retry_failed="probe" in request.meta)
        if not rules.can_fetch(request.url, self.agent):
            raise RefusedByRobots(f"robots.txt of {site} refuses {request.url}")
        if self._get_crawl_delay(rules) > self.max_retry_after:
            raise LongCrawlDelay(f"robots.txt of {site} asks for a longer Crawl-delay")

    def _get_crawl_delay(self, rules: Protego) -> float:
        delay = rules.crawl_delay(self.agent) or 0.0
        return delay if delay > 0 else 0.0  # nan is not

    async def get_rules(self, site: str, *, retry_failed: bool = False) -> Protego:
        """Return the rules of a site such as `https://example.org`. Raises RobotsUnavailable.

        A failure is kept for a minute, so that the pages of a silent host do not ask it each; `retry_failed` asks.
        """
        if self._is_outdated(site, 0 if retry_failed else FAILURE_SECONDS):
            self.read_at[site] = time.monotonic()
            # a task, not its result: pages that ask meanwhile wait for the same request
            self.rules[site] = asyncio.create_task(self._load_rules(site))
        return await self.rules[site]

    def _is_outdated(self, site: str, failure_seconds: float) -> bool:
        if (rules := self.rules.get(site)) is None:
            return True
        has_failed = rules.done() and (rules.cancelled() or rules.exception() is not None)
        return time.monotonic() - self.read_at[site] > (failure_seconds if has_failed else CACHE_SECONDS)

    async def _load_rules(self, site: str) -> Protego:
        body = await self._fetch(f"{site}/robots.txt")
        try:
            rules = Protego.parse(body[:MAX_ROBOTS_BYTES].decode("utf-8-sig", "replace"))
        except Exception:  # noqa: BLE001 - whatever it is, rules that cannot be read forbid everything
            rules = Protego.parse(DISALLOW_ALL.decode())
        if delay := self._get_crawl_delay(rules):
            self._slow_down(urlsplit(site).hostname or "", min(delay, self.max_retry_after))
        return rules

    async def _fetch(self, url: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            try:
                # the key marks the request, the number counts the bytes that arrive
                request = Request(url, meta={"robots": 0, **make_proxy_meta(url)})
                answer = await self.crawler.engine.download_async(request)
            except (DownloadCancelledError, DecompressionBomb):
                return DISALLOW_ALL  # rules that cannot be read forbid everything as well
            except Exception as error:  # after its retries; the host's pages are not tried then
                raise RobotsUnavailable(f"{url} cannot be fetched") from error
            if answer.status == 429 or answer.status >= 500:
                raise RobotsUnavailable(f"{url} fails") from RobotsFails(f"status {answer.status}")
            location = decode_location(answer.headers)
            if not 300 <= answer.status < 400 or not (target := normalise_url(location, url)):
                break
            url = target
        return answer.body if answer.status == 200 else ALLOW_ALL  # RFC 9309, 2.3.1.3: 4xx allows everything

    def _slow_down(self, host: str, seconds: float) -> None:
        downloader = self.crawler.engine.downloader
        downloader.per_slot_settings[host] = {
            "delay": max(seconds, self.crawler.settings.getfloat("DOWNLOAD_DELAY")),
            # a Crawl-delay is the time between two requests, so only one may be under way
            "concurrency": 1,
        }
        slot = downloader.slots.get(host)
        if slot is not None:  # created for robots.txt itself, with the default delay
            slot.delay, slot.concurrency = downloader.per_slot_settings[host].values()


def get_site(url: str) -> str:
    """Return the part of a URL that a robots.txt holds for: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
