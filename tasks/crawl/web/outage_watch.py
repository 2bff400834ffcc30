"""Ask hosts that stopped answering whether they are back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from tasks.crawl.web.outages import is_healable_status
from tasks.crawl.web.reasons import GAVE_UP, HEALABLE, NO_HOST, WAIT_TOO_LONG
from tasks.crawl.web.retries import MAX_BACKOFF_SECONDS, classify_page_error
from tasks.crawl.web.robots import make_proxy_meta
from tasks.crawl.web.state import CrawlState

log = logging.getLogger("textmill.crawl")


class OutageWatch:
    """Probes suspected hosts, each in a task of its own, with pauses that double up to a minute.

    `read_lost_sitemaps` reads those of a host that answers again.
    """

    def __init__(
        self, crawler: Crawler, state: CrawlState, read_lost_sitemaps: Callable[[str], Awaitable[None]]
    ) -> None:
        self.crawler, self.state, self.outages = crawler, state, state.outages
        self.read_lost_sitemaps = read_lost_sitemaps
        self.first_pause = crawler.settings.getfloat("RETRY_WAIT")
        self.tasks: dict[str, asyncio.Task[None]] = {}  # held here: the event loop keeps no reference to a task
        self.outages.on_suspected = self.begin_to_probe

    def begin_to_probe(self, host: str) -> None:
        """Probe a host until it answers or is given up."""
        self.tasks[host] = asyncio.get_running_loop().create_task(self._watch(host))

    async def _watch(self, host: str) -> None:
        try:
            await self._wait_for_host(host)
        except Exception as error:  # noqa: BLE001 - nobody awaits the task; the state raises it at the end
            self.state.fail(error)
        # Scrapy would notice within its heartbeat of five seconds only
        if (slot := self.crawler.engine._slot) is not None:  # noqa: SLF001
            slot.nextcall.schedule()

    async def _wait_for_host(self, host: str) -> None:
        pause = self.first_pause
        while (reason := await self._probe(self.outages.choose_probe(host))) is not None:
            if self.state.stopping or not self.outages.is_suspected(host):
                return
            remaining = self.outages.get_remaining_seconds(host)
            if reason == WAIT_TOO_LONG or remaining <= 0:
                known_url = self.outages.get_health(host).answered_url
                answers_others = reason != WAIT_TOO_LONG and await self._probe(known_url) is None
                reason = WAIT_TOO_LONG if reason == WAIT_TOO_LONG else GAVE_UP
                self.outages.give_up(host, reason, fails_elsewhere=answers_others)
                return
            wait = min(pause, remaining)
            self.outages.mark_away(host, reason, wait)
            await asyncio.sleep(wait)
            pause = min(2 * pause, MAX_BACKOFF_SECONDS)
        await self.read_lost_sitemaps(host)
        if self.outages.is_suspected(host):  # else it was given up meanwhile, since it asked to wait longer
            self.outages.mark_back(host)

    async def _probe(self, url: str) -> str | None:
        """Ask for a URL once; return why there is no answer, or None when there is one, whatever it says."""
        meta = {"probe": True, "verbatim_url": True, **make_proxy_meta(url)}
        request = Request(url, meta=meta)
        try:
            response: Response = await self.crawler.engine.download_async(request)
        except Exception as error:  # noqa: BLE001 - the classes of errors that may heal are told by their reason
            reason = classify_page_error(error, request)
            return reason if reason in (*HEALABLE, NO_HOST) else None
        return f"status {response.status}" if is_healable_status(response.status) else None
