"""Run a crawl on Scrapy: asyncio in a thread of its own, without the Twisted reactor.

A reactor can start only once in a process, and one process may crawl several times.
"""

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
from scrapy.http import Headers, Response

from tasks.crawl.page import CrawledPage, is_binary
from tasks.crawl.web.discovery import SitemapDiscovery
from tasks.crawl.web.frontier import FrontierEntry
from tasks.crawl.web.guarded_connector import GuardedDownloadHandler
from tasks.crawl.web.markup import MarkupRules, PageMarkup, normalise_link, parse_page
from tasks.crawl.web.outage_watch import OutageWatch
from tasks.crawl.web.reasons import META_REFRESH, NOINDEX, NOT_CANONICAL, WRONG_TYPE
from tasks.crawl.web.response_text import decode_header, decode_headers, decode_html, decode_location, group_headers
from tasks.crawl.web.retries import RetryMiddleware, classify_page_error
from tasks.crawl.web.robots import RobotsMiddleware, make_proxy_meta
from tasks.crawl.web.short_bodies import ShortBodyMiddleware
from tasks.crawl.web.sitemaps import Sitemaps
from tasks.crawl.web.state import CrawlState
from tasks.crawl.web.throttle import LatencyThrottle
from tasks.crawl.web.unpacking import UnpackingMiddleware
from tasks.crawl.web.urls import normalise_url

COMMIT_SECONDS = 1.0  # between two commits of the journal
STOP_SECONDS, STOP_ROUNDS = 2.0, 4  # time for an interrupted crawl to end, and how often its downloads are cancelled
DOWNLOAD_COROUTINE = "DownloaderMiddlewareManager.download_async"  # the coroutine that Scrapy runs for each request
REDIRECT_STATUSES = (300, 301, 302, 303, 305, 307, 308)
SCRAPY_SETTINGS: dict[str, Any] = {
    # Only what is named here runs. Redirects, retries and robots.txt are our own: they must survive a kill.
    "DOWNLOAD_HANDLERS": {"http": GuardedDownloadHandler, "https": GuardedDownloadHandler},
    "EXTENSIONS": {LatencyThrottle: 0},
    "EXTENSIONS_BASE": {},
    "SPIDER_MIDDLEWARES_BASE": {},
    # Requests pass these from small numbers to large ones, answers the other way: a body is unpacked before anything
    # judges it, and a retry is asked of robots.txt again.
    "DOWNLOADER_MIDDLEWARES_BASE": {
        RobotsMiddleware: 100,
        "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
        "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
        "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
        RetryMiddleware: 550,
        UnpackingMiddleware: 590,
        ShortBodyMiddleware: 595,
        "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    },
    "DEFAULT_REQUEST_HEADERS": {"Accept": "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.1"},
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_FAIL_ON_DATALOSS": False,  # ShortBodyMiddleware decides
    "DOWNLOAD_WARNSIZE": 0,
    "STATS_DUMP": False,
    "TWISTED_REACTOR_ENABLED": False,
    "WARN_ON_GENERATOR_RETURN_VALUE": False,
}


class StateScheduler(BaseScheduler):
    """Scrapy's scheduler, which asks the state of the crawl for URLs. Retries come back to it and go first."""

    def __init__(self, spider: "PageSpider") -> None:
        self.spider, self.state = spider, spider.crawl_state
        self.retries: deque[Request] = deque()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        assert isinstance(crawler.spider, PageSpider)
        return cls(crawler.spider)

    def has_pending_requests(self) -> bool:
        """Return whether more requests will come; False ends the crawl once nothing is in flight."""
        return bool(self.retries) or self.state.has_pending

    def enqueue_request(self, request: Request) -> bool:
        """Queue a retry: the only requests that Scrapy itself schedules here."""
        self.retries.append(request)
        return True

    def next_request(self) -> Request | None:
        """Return the next request, or None while no URL may be fetched."""
        if self.retries:
            return self.retries.popleft()
        entry = self.state.pop_entry()
        return None if entry is None else self.spider.make_request(entry)


class PageSpider(Spider):
    """Parses every response, and hands it to the state of the crawl."""

    name = "textmill"

    def __init__(self, state: CrawlState, rules: MarkupRules, sitemaps: Sitemaps) -> None:
        super().__init__()
        self.crawl_state, self.rules, self.sitemaps = state, rules, sitemaps
        state.on_hold = True

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        discovery = SitemapDiscovery(crawler, spider.crawl_state, spider.sitemaps, spider.rules)
        OutageWatch(crawler, spider.crawl_state, discovery.add_lost_pages)  # the state holds it, and tells it of hosts
        crawler.signals.connect(spider.headers_received, signals.headers_received)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Read the sitemaps. Yield no request: the scheduler has the seeds, and gives them out afterwards."""
        try:
            await SitemapDiscovery(self.crawler, self.crawl_state, self.sitemaps, self.rules).add_pages()
        except Exception as error:  # noqa: BLE001 - Scrapy would only log it; the state raises it at the end
            self.crawl_state.fail(error)
        self.crawl_state.on_hold = False
        # Scrapy wants an async generator, and a function without a yield is none
        no_requests: tuple[Request, ...] = ()
        for request in no_requests:
            yield request

    def make_request(self, entry: FrontierEntry) -> Request:
        """Return the request for a URL of the frontier."""
        return Request(
            entry.url,
            callback=self.parse,
            errback=self.handle_failure,
            headers=self.crawl_state.previous.make_conditional_headers(entry.url),
            meta={"entry": entry, "verbatim_url": True, **make_proxy_meta(entry.url)},
            dont_filter=True,
        )

    def headers_received(self, headers: Headers, request: Request) -> None:
        """Stop the download of a body that is not wanted (Scrapy's signal)."""
        # Scrapy has no status here; at worst the body of a response that is not a page is cut off
        if "entry" in request.meta and not self.crawl_state.wants_body(200, decode_header(headers, "Content-Type")):
            raise StopDownload(fail=False)

    def parse(self, response: Response) -> None:
        """Handle a response of any status (Scrapy's callback)."""
        assert response.request is not None
        entry: FrontierEntry = response.request.meta["entry"]
        try:
            self._handle_response(entry, response)
        except Exception as error:  # noqa: BLE001 - Scrapy would only log it; the state raises it at the end
            self.crawl_state.fail(error)

    def _handle_response(self, entry: FrontierEntry, response: Response) -> None:
        assert response.request is not None
        is_wanted = self.crawl_state.wants_body(response.status, decode_header(response.headers, "Content-Type"))
        if not is_wanted or (response.status == 200 and is_binary(response.body)):
            self.crawl_state.skip(entry, WRONG_TYPE)
        elif response.status == 200:
            self._handle_page(entry, response)
        else:
            target = self._find_redirect(entry, response)
            links = [target] if target else []
            self.crawl_state.store(
                entry,
                build_page(entry, response),
                links,
                redirect=target is not None,
                is_exhausted="cut_short" not in response.request.meta,
            )

    def _handle_page(self, entry: FrontierEntry, response: Response) -> None:
        markup = self._parse_markup(entry, response)
        counts = markup.link_counts
        if markup.refresh:
            self.crawl_state.skip(entry, META_REFRESH, [markup.refresh], redirect=True, link_counts=counts)
        elif markup.directives.noindex:
            self.crawl_state.skip(entry, NOINDEX, markup.links, link_counts=counts)
        # only then: the URL that a page names as canonical may not exist
        elif markup.canonical in self.crawl_state.stored_urls:
            self.crawl_state.skip(entry, NOT_CANONICAL, markup.links, link_counts=counts)
        else:
            canonical = [markup.canonical] if markup.canonical else []
            links = list(dict.fromkeys([*markup.links, *canonical]))
            self.crawl_state.store(entry, build_page(entry, response), links, redirect=False, link_counts=counts)

    def _parse_markup(self, entry: FrontierEntry, response: Response) -> PageMarkup:
        html, encoding = decode_html(response)
        return parse_page(html, entry.url, group_headers(response.headers), self.rules, encoding)

    def _find_redirect(self, entry: FrontierEntry, response: Response) -> str | None:
        """Return the target of a redirect, or None.

        A target that our normalisation makes equal to the page itself is followed in its own spelling: the server
        insists on it.
        """
        location = decode_location(response.headers)
        if not location or response.status not in REDIRECT_STATUSES:
            return None
        target = normalise_link(location, entry.url, self.rules, Counter())
        return normalise_url(location, entry.url) if target == entry.url else target

    def handle_failure(self, failure: Any) -> None:
        """Count a URL without a response (Scrapy's errback, which gets a Twisted Failure)."""
        if self.crawl_state.interrupted.is_set():  # cancelled: the next run fetches it
            return
        try:
            reason = classify_page_error(failure.value, failure.request)
            meta = failure.request.meta
            self.crawl_state.skip(meta["entry"], reason, is_exhausted="cut_short" not in meta)
        except Exception as error:  # noqa: BLE001 - as above
            self.crawl_state.fail(error)


def build_page(entry: FrontierEntry, response: Response) -> CrawledPage:
    assert response.request is not None
    return CrawledPage(
        url=entry.url,
        status=response.status,
        headers=decode_headers(response.headers),
        body=response.body,
        fetched_at=time.time_ns() // 1_000_000,
        request_headers=decode_headers(response.request.headers),
        ip_address=str(response.ip_address) if response.ip_address else None,
        fetch_ms=round(response.request.meta["download_latency"] * 1000),
    )


def run_crawl(state: CrawlState, settings: dict[str, Any], rules: MarkupRules, sitemaps: Sitemaps) -> None:
    """Crawl until nothing is left, in a thread with an event loop of its own: the caller's thread may have one."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="crawl")
    scrapy_settings = {**SCRAPY_SETTINGS, **settings, "SCHEDULER": StateScheduler}
    crawling = thread.submit(asyncio.run, crawl_async(state, scrapy_settings, rules, sitemaps))
    try:
        crawling.result()
    except BaseException as error:
        state.stopping = True
        state.interrupted.set()
        wait([crawling], COMMIT_SECONDS + 2 * STOP_SECONDS)  # not for ever: a DNS query cannot be cancelled
        if not isinstance(error, Exception):
            error.add_note(state.save())
        raise
    finally:
        thread.shutdown(wait=False)


async def crawl_async(state: CrawlState, settings: dict[str, Any], rules: MarkupRules, sitemaps: Sitemaps) -> None:
    logging.getLogger("scrapy").setLevel(logging.ERROR)  # it logs each step; we show progress and counts instead
    crawling = AsyncCrawlerRunner(settings).crawl(PageSpider, state=state, rules=rules, sitemaps=sitemaps)
    commits = asyncio.create_task(commit_periodically(state, crawling))
    try:
        await crawling
    finally:
        commits.cancel()
        state.show_progress()


async def commit_periodically(state: CrawlState, crawling: asyncio.Task[None]) -> None:
    """Commit every second until the crawl is interrupted, then cancel it.

    A slow crawl fills no batch, and a kill should cost a second of work at most.
    """
    while not state.interrupted.is_set():
        await asyncio.sleep(COMMIT_SECONDS)
        try:
            state.journal.commit()
            state.show_progress()
        except OSError as error:
            state.fail(error)
    await cancel_downloads(crawling)


async def cancel_downloads(crawling: asyncio.Task[None]) -> None:
    """Cancel all requests in flight, whether they wait for a response, for their turn, or for a host's delay.

    Then Scrapy ends by itself, because nothing is pending. After STOP_ROUNDS the crawl itself is cancelled.
    """
    for _ in range(STOP_ROUNDS):
        for task in asyncio.all_tasks():
            # the tasks are Scrapy's, so they are known by the name of their coroutine
            if getattr(task.get_coro(), "__qualname__", "") == DOWNLOAD_COROUTINE:
                task.cancel()
        if (await asyncio.wait({crawling}, timeout=STOP_SECONDS / STOP_ROUNDS))[0]:
            return
    # asyncio would print the errors of everything that is cancelled
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    crawling.cancel()
