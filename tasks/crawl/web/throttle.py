"""A host that answers slowly is asked less often."""

from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response


class LatencyThrottle:
    """Widens a host's delay to its latency, by the rule of Scrapy's AutoThrottle.

    The delay goes to latency / target: at once when that is longer, by half the way when it is shorter, and not at
    all after an answer that is no page, since errors come quickly. Never below the delay that was set, or that
    robots.txt asks for (Scrapy's own would go below the latter).
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.target = crawler.settings.getfloat("THROTTLE_TARGET")
        self.longest = crawler.settings.getfloat("LONGEST_WAIT")
        if not self.target:
            raise NotConfigured("throttle is 0")
        crawler.signals.connect(self.answered, signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def answered(self, response: Response, request: Request) -> None:
        """Scrapy's signal: an answer is there."""
        downloader = self.crawler.engine.downloader
        host = request.meta["download_slot"]
        slot = downloader.slots.get(host)
        if slot is None:
            return
        floor = downloader.per_slot_settings.get(host, {}).get(
            "delay", self.crawler.settings.getfloat("DOWNLOAD_DELAY")
        )
        delay = compute_delay(slot.delay, request.meta["download_latency"] / self.target)
        delay = max(floor, min(delay, self.longest))
        if response.status == 200 or delay > slot.delay:
            slot.delay = delay


def compute_delay(delay: float, target: float) -> float:
    """The next delay on the way from one to the other, in seconds."""
    return max(target, (delay + target) / 2)
