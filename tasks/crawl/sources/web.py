"""Pages over HTTP, crawled politely from seed URLs."""

import re
from typing import Any

from pydantic import Field, field_validator

from tasks.crawl.counters import Tally
from tasks.crawl.page import HTML
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.web.addresses import AddressGate, is_loopback, is_private
from tasks.crawl.web.budgets import Budget
from tasks.crawl.web.directives import has_contact, parse_product_name
from tasks.crawl.web.journal import CrawlJournal
from tasks.crawl.web.parameters import Parameters
from tasks.crawl.web.previous_snapshot import PreviousSnapshot
from tasks.crawl.web.session import CrawlLimits, CrawlState
from tasks.crawl.web.sitemaps import Sitemaps
from tasks.crawl.web.traps import Traps
from tasks.crawl.web.urls import Scope, get_host, normalise_url
from tasks.errors import BadSetting
from tasks.runtime.progress import progress
from tasks.store import Artifact, Draft

PLACEHOLDER_HOST = "docs.example.org"  # the seed of a shipped recipe, a name that is nobody's (RFC 2606)
# How fast, not what: these change no page, so a crawl is not repeated for them.
PACE_SETTINGS = {"delay", "throttle", "per_host", "at_once", "retries", "retry_wait", "longest_wait", "timeout"}


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
    max_total_megabytes: float = Field(0.0, ge=0)
    """megabytes of pages at most, unpacked; 0 = no limit"""
    max_minutes: float = Field(0.0, ge=0)
    """minutes after the first answer in which the crawl ends, by the clock; 0 = no limit"""
    each_host: Budget = Budget()
    """what is taken from one host at most"""
    max_depth: int = Field(20, ge=0)
    """links between a seed and a page at most"""
    sitemaps: Sitemaps = Sitemaps()
    """lists of pages that are read before the crawl begins"""
    traps: Traps = Traps()
    """what keeps the crawl out of addresses without end"""
    parameters: Parameters = Parameters()
    """which query parameters do not belong to a page's address"""
    delay: float = Field(0.5, ge=0)
    """seconds between two requests to one host; a longer Crawl-delay in robots.txt counts"""
    throttle: float = Field(1.0, ge=0)
    """a host that is slow is asked less often, so that it works on this many requests at a time; 0 turns it off"""
    per_host: int = Field(4, ge=1)
    """requests to one host at the same time, at most"""
    at_once: int = Field(64, ge=1)
    """requests to all hosts at the same time, at most"""
    retries: int = Field(3, ge=0)
    """how often a URL is tried again after a timeout, a lost connection or the status 408, 429 or 5xx"""
    retry_wait: float = Field(1.0, ge=0)
    """seconds before the first new try; doubled each time"""
    longest_wait: float = Field(300.0, ge=0)
    """seconds that a Retry-After or Crawl-delay may ask for at most; a host that wants more is left for another run"""
    timeout: float = Field(30.0, gt=0)
    """seconds in which an answer must be complete"""
    max_megabytes: float = Field(10.0, gt=0)
    """megabytes of an answer at most, also after decompression; larger ones are skipped"""
    content_types: list[str] = Field([HTML, "application/xhtml+xml", "text/plain"])
    """media types that are pages; others are skipped after their headers"""
    user_agent: str = Field("Textmill/0.1", min_length=1)
    """who asks; its first word is the name that robots.txt knows you by. For any machine but this one it must say how to reach you, such as Textmill/0.1 (+https://your.site/crawler) or Textmill/0.1 (you@your.site)"""  # noqa: E501 - it becomes one line of help
    private_addresses: bool = False
    """connect to private, link-local and loopback addresses; without it to this machine only, when a seed names it"""
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
        """Everything but the pace. Raises StageFailure for seeds and a user agent that no crawl can begin with."""
        self._check_contact(self._seeds())
        return {name: value for name, value in super().semantic().items() if name not in PACE_SETTINGS}

    def collect(self, draft: Draft, size: ShardSize, earlier: Artifact | None = None) -> Tally:
        """Crawl, or go on with a crawl that was killed."""
        from tasks.crawl.web.markup import MarkupRules  # noqa: PLC0415 - as below
        from tasks.crawl.web.spider import run_crawl  # noqa: PLC0415 - Scrapy takes a second to import

        seeds = self._seeds()
        self._check_contact(seeds)
        hosts = {host.lower() for host in self.hosts} or {get_host(seed) for seed in seeds}
        budget = Budget(pages=self.max_pages, megabytes=self.max_total_megabytes, minutes=self.max_minutes)
        limits = CrawlLimits(seeds, self.content_types, not self.hosts, budget, self.each_host)
        before = PreviousSnapshot(earlier.folder if earlier else None)
        ledger = CrawlJournal(draft, size)
        with progress(label="crawl", unit="answers", done=ledger.num_stored) as bar:
            scope = Scope(hosts, self.allow, self.deny, self.max_depth, self.traps)
            session = CrawlState(limits, scope, self.per_host, ledger, before, bar)
            rules = MarkupRules(parse_product_name(self.user_agent), self.parameters, self.traps)
            run_crawl(session, self._scrapy(seeds), rules, self.sitemaps)
        return session.finish(draft)

    def _seeds(self) -> list[str]:
        if not self.seeds:
            raise BadSetting(
                "no seed URL is given",
                "Set crawl.source.web.seeds, choose another source, or name a recipe that does: --recipe FILE "
                "(textmill demo leaves its own in the store, as demo.yaml)",
            )
        seeds = {seed: normalise_url(seed) for seed in self.seeds}
        wrong = [seed for seed, url in seeds.items() if url is None]
        if wrong:
            raise BadSetting(f"{', '.join(wrong)}: not a URL that can be crawled", "Give it as https://host/path")
        if any(url is not None and get_host(url) == PLACEHOLDER_HOST for url in seeds.values()):
            raise BadSetting(
                f"the seed {PLACEHOLDER_HOST} only stands for one", "Put your own seed into crawl.source.web.seeds"
            )
        private = [] if self.private_addresses else [url for url in seeds.values() if url and is_private(get_host(url))]
        if private:
            raise BadSetting(
                f"{', '.join(private)}: not a public address",
                "Set crawl.source.web.private_addresses to true if the host is yours",
            )
        return list(dict.fromkeys(self.parameters.stripped(url)[0] for url in seeds.values() if url is not None))

    def _check_contact(self, seeds: list[str]) -> None:
        urls = [*seeds, *(f"//{host}" for host in self.hosts)]
        if not all(is_loopback(get_host(url)) for url in urls) and not has_contact(self.user_agent):
            raise BadSetting(
                f'the user agent "{self.user_agent}" does not say how to reach you',
                "Set crawl.source.web.user_agent to a name and an address of yours, such as "
                '"Textmill/0.1 (+https://your.site/crawler)" or "Textmill/0.1 (you@your.site)"',
            )

    def _scrapy(self, seeds: list[str]) -> dict[str, Any]:
        return {
            "GATE": AddressGate(
                private=self.private_addresses,
                loopback=self.private_addresses or any(is_loopback(get_host(seed)) for seed in seeds),
                named=has_contact(self.user_agent),
            ),
            "CONCURRENT_REQUESTS": self.at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": self.per_host,
            "DOWNLOAD_DELAY": self.delay,
            "DOWNLOAD_MAXSIZE": int(self.max_megabytes * 1e6),
            "DOWNLOAD_TIMEOUT": self.timeout,
            "DOWNLOAD_VERIFY_CERTIFICATES": self.verify_certificates,
            "LONGEST_WAIT": self.longest_wait,
            "RETRY_TIMES": self.retries,
            "RETRY_WAIT": self.retry_wait,
            "THROTTLE_TARGET": self.throttle,
            "USER_AGENT": self.user_agent,
        }
