"""Reads the sitemaps of a crawl before it begins, so that what is fetched does not depend on how fast they come."""

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import datetime

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from tasks.crawl.web.markup import MarkupRules, normalise_link
from tasks.crawl.web.robots import RobotsMiddleware, RobotsUnavailable, get_site, make_proxy_meta
from tasks.crawl.web.session import CrawlState
from tasks.crawl.web.sitemaps import MAX_SITEMAP_BYTES, Sitemaps, UnreadableSitemap, parse_sitemap
from tasks.crawl.web.urls import normalise_url

MAX_FILES = 1000  # of one site: an index that leads to itself under ever new names comes to an end
MAX_REDIRECTS = 5
UNREADABLE_SITEMAP, TOO_OLD, OVER_LIMIT = "sitemap cannot be read", "not modified since", "sitemap limit of a site"


class SitemapDiscovery:
    """The sitemaps of some sites, each site's one after the other, the sites at the same time."""

    def __init__(self, crawler: Crawler, session: CrawlState, settings: Sitemaps, rules: MarkupRules) -> None:
        self.crawler, self.session, self.settings, self.rules = crawler, session, settings, rules

    async def read(self) -> None:
        """Put the pages that are listed into the session's frontier, as if the seeds linked to them."""
        given = [url for each in self.settings.urls if (url := normalise_url(each)) is not None]
        sites = sorted({get_site(seed) for seed in self.session.limits.seeds}) if self.settings.of_robots else []
        found = await asyncio.gather(self._of_files(given), *(self._of_site(site) for site in sites))
        for pages in found:
            for url, lastmod in pages.items():
                if self.settings.is_old(lastmod):
                    self.session.frontier.refuse(url, TOO_OLD)
            self.session.add_listed([url for url, lastmod in pages.items() if not self.settings.is_old(lastmod)])

    async def _of_site(self, site: str) -> dict[str, datetime | None]:
        robots = self.crawler.get_downloader_middleware(RobotsMiddleware)
        assert robots is not None
        try:
            rules = await robots.of(site)
        except RobotsUnavailable:
            return {}  # its pages say so
        return await self._of_files(url for each in rules.sitemaps if (url := normalise_url(each, site)) is not None)

    async def _of_files(self, files: Iterable[str]) -> dict[str, datetime | None]:
        """All pages that some sitemaps list, those of an index included."""
        left, seen, pages = deque(dict.fromkeys(files)), set[str](), dict[str, datetime | None]()
        while left and not self.session.stopping and len(seen) < MAX_FILES and len(pages) < self.settings.max_urls:
            if (url := left.popleft()) in seen:
                continue
            seen.add(url)
            try:
                sitemap = parse_sitemap(await self._fetched(url))
            except Exception:  # noqa: BLE001 - whatever it is, the crawl has its seeds
                self.session.tally.skip(UNREADABLE_SITEMAP)
                continue
            left.extend(each for name in sitemap.sitemaps if (each := normalise_url(name, url)) is not None)
            noted = self.session.tally.links
            listed = (
                (normalise_link(page, url, self.rules, noted), lastmod) for page, lastmod in sitemap.pages.items()
            )
            pages |= {page: lastmod for page, lastmod in listed if page is not None}
        kept = dict(list(pages.items())[: self.settings.max_urls])
        self.session.tally.skip(OVER_LIMIT, len(pages) - len(kept) + len(left))
        return kept

    async def _fetched(self, url: str) -> bytes:
        """A sitemap's body, redirects followed. Raises Unreadable, and what Scrapy raises."""
        for _ in range(MAX_REDIRECTS + 1):
            meta = {"sitemap": True, "download_maxsize": MAX_SITEMAP_BYTES, **make_proxy_meta(url)}
            answer: Response = await self.crawler.engine.download_async(Request(url, meta=meta))
            target = (answer.headers.get("Location") or b"").decode("utf-8", "replace")
            if answer.status == 200:
                return bytes(answer.body)
            if not 300 <= answer.status < 400 or not (moved := normalise_url(target, url)):
                break
            url = moved
        raise UnreadableSitemap(f"{url} is no sitemap")
