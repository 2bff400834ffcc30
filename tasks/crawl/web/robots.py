"""robots.txt, asked of each site once a day (RFC 9309): what may be fetched, how fast, and where its sitemaps are."""

import asyncio
import time
from typing import Self
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest, StopDownload

from tasks.crawl.web.directives import parse_product_name
from tasks.crawl.web.unpacking import DecompressionBomb
from tasks.crawl.web.urls import normalise_url

MAX_REDIRECTS = 5  # RFC 9309, 2.3.1.2
MAX_ROBOTS_BYTES = 500 << 10  # RFC 9309, 2.5: at least that much is parsed
CACHE_SECONDS = 24 * 3600  # RFC 9309, 2.4
DISALLOW_ALL = b"User-agent: *\nDisallow: /\n"
ALLOW_ALL = b""


class RefusedByRobots(IgnoreRequest):
    """robots.txt does not allow the URL."""


class WaitTooLong(IgnoreRequest):
    """The host wants to be left alone for longer than this crawl waits."""


class RobotsUnavailable(IgnoreRequest):
    """The host gave no answer when it was asked for robots.txt; the cause says why."""


def make_proxy_meta(url: str) -> dict[str, None]:
    """Request meta that keeps this machine's own servers away from a proxy that the environment names."""
    host = urlsplit(url).hostname or ""
    return {"proxy": None} if host in ("localhost", "::1") or host.startswith("127.") else {}


class RobotsMiddleware:
    """Keeps to each site's robots.txt and to its Crawl-delay."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.agent = parse_product_name(crawler.settings["USER_AGENT"])
        self.longest_wait = crawler.settings.getfloat("LONGEST_WAIT")
        self.read_at: dict[str, float] = {}
        self.rules: dict[str, asyncio.Task[Protego]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        made = cls(crawler)
        crawler.signals.connect(made.bytes_received, signals.bytes_received)
        return made

    def bytes_received(self, data: bytes, request: Request) -> None:
        """Scrapy's signal: a robots.txt without end is cut off."""
        if "robots" in request.meta:
            request.meta["robots"] += len(data)
            if request.meta["robots"] > MAX_ROBOTS_BYTES:
                raise StopDownload(fail=False)

    async def process_request(self, request: Request) -> None:
        """Scrapy's hook. Raises Refused or AskedToWait, or NoRules for all pages of a host that gave no answer."""
        if "robots" in request.meta:
            return
        site = get_site(request.url)
        rules = await self.of(site)
        if not rules.can_fetch(request.url, self.agent):
            raise RefusedByRobots(f"robots.txt of {site} refuses {request.url}")
        if (rules.crawl_delay(self.agent) or 0) > self.longest_wait:
            raise WaitTooLong(f"robots.txt of {site} asks for a longer Crawl-delay")

    async def of(self, site: str) -> Protego:
        """The rules of a site such as `https://example.org`. Raises NoRules."""
        if site not in self.rules or time.monotonic() - self.read_at[site] > CACHE_SECONDS:
            self.read_at[site] = time.monotonic()
            self.rules[site] = asyncio.create_task(self._read(site))
        return await self.rules[site]

    async def _read(self, site: str) -> Protego:
        body = await self._fetched(f"{site}/robots.txt")
        rules = Protego.parse(body[:MAX_ROBOTS_BYTES].decode("utf-8-sig", "replace"))
        if delay := rules.crawl_delay(self.agent):
            self._slow_down(urlsplit(site).hostname or "", min(delay, self.longest_wait))
        return rules

    async def _fetched(self, url: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            try:
                request = Request(url, meta={"robots": 0, **make_proxy_meta(url)})
                answer = await self.crawler.engine.download_async(request)
            except (DownloadCancelledError, DecompressionBomb):
                return DISALLOW_ALL  # rules that cannot be read forbid everything, too
            except Exception as error:  # it was tried again often enough; the host's pages need not be
                raise RobotsUnavailable(f"{url} cannot be fetched") from error
            if answer.status == 429 or answer.status >= 500:
                return DISALLOW_ALL  # RFC 9309, 2.3.1.4: unreachable rules forbid everything
            target = (answer.headers.get("Location") or b"").decode("utf-8", "replace")
            if not 300 <= answer.status < 400 or not (moved := normalise_url(target, url)):
                break
            url = moved
        return answer.body if answer.status == 200 else ALLOW_ALL

    def _slow_down(self, host: str, seconds: float) -> None:
        downloader = self.crawler.engine.downloader
        downloader.per_slot_settings[host] = {
            "delay": max(seconds, self.crawler.settings.getfloat("DOWNLOAD_DELAY")),
            "concurrency": 1,
        }
        slot = downloader.slots.get(host)
        if slot is not None:  # made for robots.txt itself, with the delay from before
            slot.delay, slot.concurrency = downloader.per_slot_settings[host].values()


def get_site(url: str) -> str:
    """What a robots.txt holds for: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
