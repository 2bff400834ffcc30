"""Pages over HTTP, crawled politely from seed URLs."""

import re
from typing import Any

from pydantic import Field, field_validator

from tasks.crawl.ledger import Ledger
from tasks.crawl.page import HTML
from tasks.crawl.session import Limits, Session
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.tally import Tally
from tasks.crawl.urls import Scope, host_of, normalised
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.progress import progress

# How fast, not what: these change no page, so a crawl is not repeated for them.
PACE = {"delay", "per_host", "at_once", "retries", "retry_wait", "timeout"}


class Web(Source):
    """Pages over HTTP, crawled politely from seed URLs."""

    seeds: list[str] = Field([])
    """URLs to start from"""
    hosts: list[str] = Field([])
    """hosts to stay on, with or without port; none named: the hosts of the seeds, and where these redirect to"""
    allow: list[str] = Field([])
    """regular expressions; a URL must match one of them, seeds excepted; none given: all URLs"""
    deny: list[str] = Field([])
    """regular expressions; a URL that matches one is left out"""
    max_pages: int = Field(1000, ge=1)
    """pages at most"""
    max_depth: int = Field(20, ge=0)
    """links between a seed and a page at most"""
    delay: float = Field(0.5, ge=0)
    """seconds between two requests to one host; a longer Crawl-delay in robots.txt counts"""
    per_host: int = Field(4, ge=1)
    """requests to one host at the same time, at most"""
    at_once: int = Field(64, ge=1)
    """requests to all hosts at the same time, at most"""
    retries: int = Field(3, ge=0)
    """how often a URL is tried again after a timeout, a lost connection or the status 408, 429 or 5xx"""
    retry_wait: float = Field(1.0, ge=0)
    """seconds before the first new try; doubled each time"""
    timeout: float = Field(30.0, gt=0)
    """seconds in which an answer must be complete"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of an answer at most, also after decompression; larger ones are skipped"""
    content_types: list[str] = Field([HTML, "application/xhtml+xml", "text/plain"])
    """media types that are pages; others are skipped after their headers"""
    user_agent: str = Field("Textmill/0.1", min_length=1)
    """who asks: name yourself and how to reach you, e.g. "Textmill/0.1 (+https://example.org/crawler)"; also the name that robots.txt is searched for"""  # noqa: E501 - it becomes one line of help
    verify_certificates: bool = True
    """refuse https hosts whose certificate does not hold"""

    @field_validator("allow", "deny")
    @classmethod
    def compiles(cls, patterns: list[str]) -> list[str]:
        """A wrong regular expression is refused at once."""
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return patterns

    def semantic(self) -> dict[str, Any]:
        """Everything but the pace."""
        return {name: value for name, value in super().semantic().items() if name not in PACE}

    def collect(self, draft: Draft, size: ShardSize) -> Tally:
        """Crawl, or go on with a crawl that was killed."""
        from tasks.crawl.spider import run  # noqa: PLC0415 - Scrapy takes a second to import

        seeds = self._seeds()
        hosts = {host.lower() for host in self.hosts} or {host_of(seed) for seed in seeds}
        limits = Limits(seeds, self.max_pages, self.content_types, follow_seed_redirects=not self.hosts)
        ledger = Ledger(draft, size)
        with progress(label="crawl", unit="answers") as bar:
            session = Session(limits, Scope(hosts, self.allow, self.deny, self.max_depth), self.per_host, ledger, bar)
            run(session, self._scrapy())
        tally = session.finish()
        ledger.finish(draft)
        return tally

    def _seeds(self) -> list[str]:
        if not self.seeds:
            raise StageFailure("no seed URL is given", "Set crawl.source.web.seeds, or choose another source")
        seeds = {seed: normalised(seed) for seed in self.seeds}
        wrong = [seed for seed, url in seeds.items() if url is None]
        if wrong:
            raise StageFailure(f"{', '.join(wrong)}: not a URL that can be crawled", "Give it as https://host/path")
        return [url for url in dict.fromkeys(seeds.values()) if url is not None]

    def _scrapy(self) -> dict[str, Any]:
        return {
            "CONCURRENT_REQUESTS": self.at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": self.per_host,
            "DOWNLOAD_DELAY": self.delay,
            "DOWNLOAD_MAXSIZE": int(self.max_megabytes * 1e6),
            "DOWNLOAD_TIMEOUT": self.timeout,
            "DOWNLOAD_VERIFY_CERTIFICATES": self.verify_certificates,
            "RETRY_TIMES": self.retries,
            "RETRY_WAIT": self.retry_wait,
            "USER_AGENT": self.user_agent,
        }
