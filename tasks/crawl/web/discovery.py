"""Read the sitemaps of a crawl before it starts: the pages fetched must not depend on how fast sitemaps arrive."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from tasks.crawl.web.markup import MarkupRules, normalise_link
from tasks.crawl.web.outages import is_healable_status
from tasks.crawl.web.reasons import HEALABLE
from tasks.crawl.web.response_text import decode_location
from tasks.crawl.web.retries import classify_error
from tasks.crawl.web.robots import RobotsMiddleware, RobotsUnavailable, get_site, make_proxy_meta
from tasks.crawl.web.sitemaps import MAX_SITEMAP_BYTES, Sitemaps, UnreadableSitemap, parse_sitemap
from tasks.crawl.web.state import CrawlState
from tasks.crawl.web.urls import get_host, normalise_url

MAX_FILES = 1000  # of one site: ends an index that leads to itself under ever new names
MAX_REDIRECTS = 5
ROBOTS_PATH = "/robots.txt"
UNREADABLE_SITEMAP, TOO_OLD, OVER_LIMIT = "sitemap cannot be read", "not modified since", "sitemap limit of a site"


class BusySitemap(Exception):
    """A sitemap was answered with a status that may pass, such as 503."""


class SitemapDiscovery:
    """Reads the sitemaps of some sites: those of one site one after the other, the sites at the same time."""

    def __init__(self, crawler: Crawler, state: CrawlState, settings: Sitemaps, rules: MarkupRules) -> None:
        self.crawler, self.state, self.settings, self.rules = crawler, state, settings, rules

    async def add_pages(self) -> None:
        """Put the listed pages into the frontier of the crawl, as if the seeds linked to them."""
        urls = [normalised for url in self.settings.urls if (normalised := normalise_url(url)) is not None]
        sites = sorted({get_site(seed) for seed in self.state.limits.seeds}) if self.settings.from_robots else []
        # gather returns results in the order of its arguments, so the frontier does not depend on which site was faster
        self._add_listings(
            await asyncio.gather(self._list_pages(urls), *(self._list_site_pages(site) for site in sites))
        )

    async def add_lost_pages(self, host: str) -> None:
        """Read the sitemaps of a host again that could not be read while it was away."""
        lost = [url for url in self.state.lost_sitemaps if get_host(url) == host]
        sites = [url.removesuffix(ROBOTS_PATH) for url in lost if url.endswith(ROBOTS_PATH)]
        urls = [url for url in lost if not url.endswith(ROBOTS_PATH)]
        for url in lost:
            del self.state.lost_sitemaps[url]
        self.state.tally.skipped -= Counter({UNREADABLE_SITEMAP: len(urls)})  # drops a zero
        self._add_listings([await self._list_pages(urls), *[await self._list_site_pages(site) for site in sites]])

    def _add_listings(self, listings: Iterable[dict[str, datetime | None]]) -> None:
        for pages in listings:
            for url, lastmod in pages.items():
                if self.settings.is_old(lastmod):
                    self.state.frontier.refuse(url, TOO_OLD)
            self.state.add_listed_pages([url for url, lastmod in pages.items() if not self.settings.is_old(lastmod)])

    async def _list_site_pages(self, site: str) -> dict[str, datetime | None]:
        robots = self.crawler.get_downloader_middleware(RobotsMiddleware)
        assert robots is not None
        try:
            rules = await robots.get_rules(site)
        except RobotsUnavailable as error:
            # its pages may be asked for when the host answers again, but the sitemaps that it names are unknown
            self._note_loss(f"{site}{ROBOTS_PATH}", error)
            return {}
        urls = (normalise_url(sitemap, site) for sitemap in rules.sitemaps)
        return await self._list_pages(url for url in urls if url is not None)

    async def _list_pages(self, urls: Iterable[str]) -> dict[str, datetime | None]:
        """Return the pages that some sitemaps list, including those that an index names: URL → lastmod."""
        waiting, seen, pages = deque(dict.fromkeys(urls)), set[str](), dict[str, datetime | None]()
        while waiting and not self.state.stopping and len(seen) < MAX_FILES and len(pages) < self.settings.max_urls:
            if (url := waiting.popleft()) in seen:
                continue
            seen.add(url)
            try:
                sitemap = parse_sitemap(await self._fetch(url))
            except Exception as error:  # noqa: BLE001 - whatever it is, the crawl has its seeds
                self.state.tally.count_skipped(UNREADABLE_SITEMAP)
                self._note_loss(url, error)
                continue
            nested = (normalise_url(name, url) for name in sitemap.sitemaps)
            waiting.extend(nested_url for nested_url in nested if nested_url is not None)
            link_counts = self.state.tally.links
            listed = (
                (normalise_link(page, url, self.rules, link_counts), lastmod) for page, lastmod in sitemap.pages.items()
            )
            pages |= {page: lastmod for page, lastmod in listed if page is not None}
        kept = dict(list(pages.items())[: self.settings.max_urls])
        # a sitemap that was not read counts as one, since its pages are not known
        self.state.tally.count_skipped(OVER_LIMIT, len(pages) - len(kept) + len(waiting))
        return kept

    def _note_loss(self, url: str, error: Exception) -> None:
        """Note a sitemap that another run may read."""
        reason = str(error) if isinstance(error, BusySitemap) else classify_error(error)
        if isinstance(error, BusySitemap) or reason in HEALABLE:
            self.state.lost_sitemaps[url] = f"{UNREADABLE_SITEMAP}: {reason}"

    async def _fetch(self, url: str) -> bytes:
        """Fetch the body of a sitemap, following redirects. Raises UnreadableSitemap, and Scrapy's errors."""
        for _ in range(MAX_REDIRECTS + 1):
            meta = {"sitemap": True, "download_maxsize": MAX_SITEMAP_BYTES, **make_proxy_meta(url)}
            answer: Response = await self.crawler.engine.download_async(Request(url, meta=meta))
            location = decode_location(answer.headers)
            if answer.status == 200:
                return bytes(answer.body)
            if not 300 <= answer.status < 400 or not (target := normalise_url(location, url)):
                break
            url = target
        if is_healable_status(answer.status):
            raise BusySitemap(f"status {answer.status}")
        raise UnreadableSitemap(f"{url} is no sitemap")
