"""Ask hosts that answer slowly less often."""

from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response


class LatencyThrottle:
    """Adapts the delay between requests to a host's latency, by the rule of Scrapy's AutoThrottle.

    The delay moves towards latency / target: at once when that is longer, half the way when it is shorter. After an
    answer that is no page it never becomes shorter, since errors come quickly. It stays above the delay that was set,
    and above the Crawl-delay of robots.txt, which Scrapy's own extension would undercut.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.target = crawler.settings.getfloat("AUTOTHROTTLE_TARGET_CONCURRENCY")
        self.max_delay = crawler.settings.getfloat("MAX_RETRY_AFTER")
        if not self.target:
            raise NotConfigured("autothrottle_target is 0")
        crawler.signals.connect(self.response_downloaded, signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def response_downloaded(self, response: Response, request: Request) -> None:
        """Adapt the delay of the host that answered (Scrapy's signal)."""
        downloader = self.crawler.engine.downloader
        host = request.meta["download_slot"]
        slot = downloader.slots.get(host)
        if slot is None:
            return
        min_delay = downloader.per_slot_settings.get(host, {}).get(
            "delay", self.crawler.settings.getfloat("DOWNLOAD_DELAY")
        )
        delay = compute_delay(slot.delay, request.meta["download_latency"] / self.target)
        delay = max(min_delay, min(delay, self.max_delay))
        if response.status == 200 or delay > slot.delay:
            slot.delay = delay


def compute_delay(delay: float, target: float) -> float:
    """Return the next delay on the way from a delay to a target, in seconds."""
    return max(target, (delay + target) / 2)
