"""Runs a session on Scrapy: plain asyncio in a thread of its own, no Twisted reactor, so as often as one likes."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.crawler import AsyncCrawlerRunner, Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers, HtmlResponse, Response

from tasks.crawl.page import CrawledPage, is_binary
from tasks.crawl.web.discovery import SitemapDiscovery
from tasks.crawl.web.frontier import FrontierEntry
from tasks.crawl.web.guarded_connector import GuardedDownloadHandler
from tasks.crawl.web.markup import HeaderValues as ByName
from tasks.crawl.web.markup import MarkupRules, PageMarkup, normalise_link, parse_page
from tasks.crawl.web.reasons import META_REFRESH, NOINDEX, NOT_CANONICAL, WRONG_TYPE
from tasks.crawl.web.retries import RetryMiddleware, classify_page_error
from tasks.crawl.web.robots import RobotsMiddleware, make_proxy_meta
from tasks.crawl.web.session import CrawlState
from tasks.crawl.web.sitemaps import Sitemaps
from tasks.crawl.web.throttle import LatencyThrottle
from tasks.crawl.web.unpacking import UnpackingMiddleware
from tasks.crawl.web.urls import normalise_url

COMMIT_SECONDS = 1.0
STOP_SECONDS, STOP_ROUNDS = 2.0, 4
DOWNLOAD_COROUTINE = "DownloaderMiddlewareManager.download_async"  # what Scrapy runs for each request
REDIRECT_STATUSES = (300, 301, 302, 303, 305, 307, 308)
SCRAPY_SETTINGS: dict[str, Any] = {
    # Only what is named here runs: redirects, retries and robots.txt are ours, because they must survive a kill.
    "DOWNLOAD_HANDLERS": {"http": GuardedDownloadHandler, "https": GuardedDownloadHandler},
    "EXTENSIONS": {LatencyThrottle: 0},
    "EXTENSIONS_BASE": {},
    "SPIDER_MIDDLEWARES_BASE": {},
    "DOWNLOADER_MIDDLEWARES_BASE": {
        RobotsMiddleware: 100,
        "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
        "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
        "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
        RetryMiddleware: 550,
        UnpackingMiddleware: 590,
        "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    },
    "DEFAULT_REQUEST_HEADERS": {"Accept": "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.1"},
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_WARNSIZE": 0,
    "STATS_DUMP": False,
    "TWISTED_REACTOR_ENABLED": False,
    "WARN_ON_GENERATOR_RETURN_VALUE": False,
}


class StateScheduler(BaseScheduler):
    """Scrapy's scheduler: asks the session. Requests that come back are retries, they go first."""

    def __init__(self, spider: "PageSpider") -> None:
        self.spider, self.session = spider, spider.session
        self.retries: deque[Request] = deque()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        assert isinstance(crawler.spider, PageSpider)
        return cls(crawler.spider)

    def has_pending_requests(self) -> bool:
        """False ends the crawl, once nothing is in flight."""
        return bool(self.retries) or self.session.pending

    def enqueue_request(self, request: Request) -> bool:
        """Take a retry."""
        self.retries.append(request)
        return True

    def next_request(self) -> Request | None:
        """The next page to ask for."""
        if self.retries:
            return self.retries.popleft()
        entry = self.session.next()
        return None if entry is None else self.spider.request(entry)


class PageSpider(Spider):
    """Reads every answer, and hands it to the session."""

    name = "textmill"

    def __init__(self, session: CrawlState, rules: MarkupRules, sitemaps: Sitemaps) -> None:
        super().__init__()
        self.session, self.rules, self.sitemaps = session, rules, sitemaps
        session.held = True

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.headers_received, signals.headers_received)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """No request: the scheduler has the seeds, and gives them away once the sitemaps are read."""
        try:
            await SitemapDiscovery(self.crawler, self.session, self.sitemaps, self.rules).read()
        except Exception as error:  # noqa: BLE001 - Scrapy would only log it; the session raises it at the end
            self.session.fail(error)
        self.session.held = False
        none: tuple[Request, ...] = ()
        for request in none:
            yield request

    def request(self, entry: FrontierEntry) -> Request:
        """What Scrapy is asked to fetch."""
        return Request(
            entry.url,
            callback=self.parse,
            errback=self.failed,
            headers=self.session.earlier.conditions(entry.url),
            meta={"entry": entry, "verbatim_url": True, **make_proxy_meta(entry.url)},
            dont_filter=True,
        )

    def headers_received(self, headers: Headers, request: Request) -> None:
        """Do not read the body of what is not wanted."""
        # Scrapy has no status here; a body is cut off wrongly at worst for an answer that is not a page
        if "entry" in request.meta and not self.session.wants(200, decode_header(headers, "Content-Type")):
            raise StopDownload(fail=False)

    def parse(self, response: Response) -> None:
        """An answer, of any status."""
        assert response.request is not None
        entry: FrontierEntry = response.request.meta["entry"]
        try:
            self._settle(entry, response)
        except Exception as error:  # noqa: BLE001 - Scrapy would only log it; the session raises it at the end
            self.session.fail(error)

    def _settle(self, entry: FrontierEntry, response: Response) -> None:
        wanted = self.session.wants(response.status, decode_header(response.headers, "Content-Type"))
        if not wanted or (response.status == 200 and is_binary(response.body)):
            self.session.skip(entry, WRONG_TYPE)
        elif response.status == 200:
            self._settle_page(entry, response)
        else:
            moved = self._target(entry, response)
            self.session.store(entry, build_page(entry, response), [moved] if moved else [], redirect=moved is not None)

    def _settle_page(self, entry: FrontierEntry, response: Response) -> None:
        said = self._read(entry, response)
        canonical = [said.canonical] if said.canonical else []
        if said.refresh:
            self.session.skip(entry, META_REFRESH, [said.refresh], redirect=True, noted=said.noted)
        elif said.asks.noindex:
            self.session.skip(entry, NOINDEX, said.links, noted=said.noted)
        elif said.canonical in self.session.kept:
            self.session.skip(entry, NOT_CANONICAL, said.links, noted=said.noted)
        else:
            links = list(dict.fromkeys([*said.links, *canonical]))
            self.session.store(entry, build_page(entry, response), links, redirect=False, noted=said.noted)

    def _read(self, entry: FrontierEntry, response: Response) -> PageMarkup:
        html = response.text if isinstance(response, HtmlResponse) else ""
        return parse_page(
            html, entry.url, group_headers(response.headers), self.rules, getattr(response, "encoding", "utf-8")
        )

    def _target(self, entry: FrontierEntry, response: Response) -> str | None:
        """Where a redirect leads. One that leads here by our spelling is taken as it is written: the server insists."""
        location = (response.headers.get("Location") or b"").decode("utf-8", "replace")
        if not location or response.status not in REDIRECT_STATUSES:
            return None
        moved = normalise_link(location, entry.url, self.rules, Counter())
        return normalise_url(location, entry.url) if moved == entry.url else moved

    def failed(self, failure: Any) -> None:
        """No answer. Scrapy gives a Twisted Failure that knows its request."""
        if self.session.interrupted.is_set():  # it was cut off, and waits for the next run
            return
        try:
            self.session.skip(failure.request.meta["entry"], classify_page_error(failure.value, failure.request))
        except Exception as error:  # noqa: BLE001 - as above
            self.session.fail(error)


def decode_header(headers: Headers, name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def group_headers(headers: Headers) -> ByName:
    """All values of each header."""
    found: ByName = {}
    for name, value in decode_headers(headers):
        found.setdefault(name.lower(), []).append(value)
    return found


def decode_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Headers in the order they came."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, all_ in headers.items() for value in all_)


def build_page(entry: FrontierEntry, response: Response) -> CrawledPage:
    assert response.request is not None
    return CrawledPage(
        url=entry.url,
        status=response.status,
        headers=decode_headers(response.headers),
        body=response.body,
        fetched_at=time.time_ns() // 1_000_000,
        request=decode_headers(response.request.headers),
        address=str(response.ip_address) if response.ip_address else None,
        fetch_ms=round(response.request.meta["download_latency"] * 1000),
    )


def run_crawl(session: CrawlState, settings: dict[str, Any], rules: MarkupRules, sitemaps: Sitemaps) -> None:
    """Crawl until nothing is left, in a thread with an event loop of its own: the caller's thread may have one."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="crawl")
    ours = {**SCRAPY_SETTINGS, **settings, "SCHEDULER": StateScheduler}
    crawling = thread.submit(asyncio.run, crawl_async(session, ours, rules, sitemaps))
    try:
        crawling.result()
    except BaseException as error:
        session.stopping = True
        session.interrupted.set()
        wait([crawling], COMMIT_SECONDS + 2 * STOP_SECONDS)  # not for ever: a name server may take its time
        if not isinstance(error, Exception):
            error.add_note(session.keep())
        raise
    finally:
        thread.shutdown(wait=False)


async def crawl_async(session: CrawlState, settings: dict[str, Any], rules: MarkupRules, sitemaps: Sitemaps) -> None:
    logging.getLogger("scrapy").setLevel(logging.ERROR)  # it reports each step; ours are progress and counts
    crawling = AsyncCrawlerRunner(settings).crawl(PageSpider, session=session, rules=rules, sitemaps=sitemaps)
    commits = asyncio.create_task(commit_periodically(session, crawling))
    try:
        await crawling
    finally:
        commits.cancel()
        session.show()


async def commit_periodically(session: CrawlState, crawling: asyncio.Task[None]) -> None:
    """A slow crawl fills no batch, and a kill should cost a second at most. What is interrupted ends as soon."""
    while not session.interrupted.is_set():
        await asyncio.sleep(COMMIT_SECONDS)
        try:
            session.ledger.commit()
            session.show()
        except OSError as error:
            session.fail(error)
    await cancel_downloads(crawling)


async def cancel_downloads(crawling: asyncio.Task[None]) -> None:
    """End what is under way, wherever it waits: for an answer, for its turn, for a host that wants quiet.

    Then Scrapy ends by itself, because nothing is pending. What it still holds after some rounds is cut off too.
    """
    for _ in range(STOP_ROUNDS):
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == DOWNLOAD_COROUTINE:
                task.cancel()
        if (await asyncio.wait({crawling}, timeout=STOP_SECONDS / STOP_ROUNDS))[0]:
            return
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    crawling.cancel()
