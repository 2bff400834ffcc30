"""Runs a session on Scrapy: plain asyncio in a thread of its own, no Twisted reactor, so as often as one likes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.core.scheduler import BaseScheduler
from scrapy.crawler import AsyncCrawlerRunner, Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers, HtmlResponse, Response

from tasks.crawl.frontier import Entry
from tasks.crawl.page import Page
from tasks.crawl.politeness import Patience, Robots, Unread, direct, why
from tasks.crawl.session import WRONG_TYPE, Session
from tasks.crawl.urls import links, normalised

COMMIT_SECONDS = 1.0
PARTS: dict[str, Any] = {
    # Only what is named here runs: redirects, retries and robots.txt are ours, because they must survive a kill.
    "EXTENSIONS_BASE": {},
    "SPIDER_MIDDLEWARES_BASE": {},
    "DOWNLOADER_MIDDLEWARES_BASE": {
        Robots: 100,
        "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
        "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
        "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
        Patience: 550,
        "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 590,
        Unread: 600,
        "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    },
    "DEFAULT_REQUEST_HEADERS": {"Accept": "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.1"},
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_WARNSIZE": 0,
    "STATS_DUMP": False,
    "TWISTED_REACTOR_ENABLED": False,
    "WARN_ON_GENERATOR_RETURN_VALUE": False,
}


class Queue(BaseScheduler):
    """Scrapy's scheduler: asks the session. Requests that come back are retries, they go first."""

    def __init__(self, spider: "Pages") -> None:
        self.spider, self.session = spider, spider.session
        self.retries: deque[Request] = deque()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        assert isinstance(crawler.spider, Pages)
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


class Pages(Spider):
    """Hands every answer to the session."""

    name = "textmill"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.headers_received, signals.headers_received)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Nothing: the scheduler has the seeds."""
        none: tuple[Request, ...] = ()
        for request in none:
            yield request

    def request(self, entry: Entry) -> Request:
        """What Scrapy is asked to fetch."""
        return Request(
            entry.url,
            callback=self.parse,
            errback=self.failed,
            meta={"entry": entry, "verbatim_url": True, **direct(entry.url)},
            dont_filter=True,
        )

    def headers_received(self, headers: Headers, request: Request) -> None:
        """Do not read the body of what is not wanted."""
        # Scrapy has no status here; a body is cut off wrongly at worst for an answer that is not a page
        if "robots" not in request.meta and not self.session.wants(200, text(headers, "Content-Type")):
            raise StopDownload(fail=False)

    def parse(self, response: Response) -> None:
        """An answer, of any status."""
        assert response.request is not None
        entry: Entry = response.request.meta["entry"]
        try:
            if self.session.wants(response.status, text(response.headers, "Content-Type")):
                moved = target(response)
                found = [moved] if moved else page_links(response)
                self.session.store(entry, page_of(entry, response), found, redirect=moved is not None)
            else:
                self.session.skip(entry, WRONG_TYPE)
        except Exception as error:  # noqa: BLE001 - Scrapy would only log it; the session raises it at the end
            self.session.fail(error)

    def failed(self, failure: Any) -> None:
        """No answer. Scrapy gives a Twisted Failure that knows its request."""
        try:
            self.session.skip(failure.request.meta["entry"], why(failure.value))
        except Exception as error:  # noqa: BLE001 - as above
            self.session.fail(error)


def text(headers: Headers, name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def target(response: Response) -> str | None:
    """Where a redirect leads."""
    location = (response.headers.get("Location") or b"").decode("utf-8", "replace")
    return normalised(location, response.url) if location and 300 <= response.status < 400 else None


def page_links(response: Response) -> list[str]:
    return links(response.text, response.url) if response.status == 200 and isinstance(response, HtmlResponse) else []


def pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Headers in the order they came."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, all_ in headers.items() for value in all_)


def page_of(entry: Entry, response: Response) -> Page:
    assert response.request is not None
    return Page(
        url=entry.url,
        status=response.status,
        headers=pairs(response.headers),
        body=response.body,
        fetched_at=time.time_ns() // 1_000_000,
        request=pairs(response.request.headers),
        address=str(response.ip_address) if response.ip_address else None,
    )


def run(session: Session, settings: dict[str, Any]) -> None:
    """Crawl until nothing is left, in a thread with an event loop of its own: the caller's thread may have one."""
    with ThreadPoolExecutor(1, thread_name_prefix="crawl") as thread:
        try:
            thread.submit(asyncio.run, crawl(session, {**PARTS, **settings, "SCHEDULER": Queue})).result()
        except BaseException:
            session.stopping = True  # lets the thread end after what is in flight
            raise


async def crawl(session: Session, settings: dict[str, Any]) -> None:
    logging.getLogger("scrapy").setLevel(logging.ERROR)  # it reports each step; ours are progress and counts
    commits = asyncio.create_task(commit_often(session))
    try:
        await AsyncCrawlerRunner(settings).crawl(Pages, session=session)
    finally:
        commits.cancel()


async def commit_often(session: Session) -> None:
    """A slow crawl fills no batch, and a kill should cost a second at most."""
    while True:
        await asyncio.sleep(COMMIT_SECONDS)
        try:
            session.ledger.commit()
        except OSError as error:
            session.fail(error)
