"""Pages over HTTP, crawled politely from seed URLs."""

import re
from typing import Any

from pydantic import Field, field_validator

from tasks.crawl.counters import Tally
from tasks.crawl.page import HTML
from tasks.crawl.sizes import ShardSize
from tasks.crawl.sources import Source
from tasks.crawl.web.addresses import AddressGate, is_loopback, is_private, list_loopback_targets
from tasks.crawl.web.budgets import Budget
from tasks.crawl.web.continuation import read_num_runs, take_over
from tasks.crawl.web.credentials import read_host_headers, refuse_credentials
from tasks.crawl.web.directives import has_contact, parse_product_name
from tasks.crawl.web.journal import CrawlJournal
from tasks.crawl.web.outcome import LossLimits, finish_crawl
from tasks.crawl.web.parameters import Parameters
from tasks.crawl.web.previous_snapshot import PreviousSnapshot
from tasks.crawl.web.sitemaps import Sitemaps
from tasks.crawl.web.state import CrawlLimits, CrawlState
from tasks.crawl.web.traps import Traps
from tasks.crawl.web.urls import Scope, get_host, normalise_url
from tasks.errors import BadSetting
from tasks.runtime.progress import progress
from tasks.store import Artifact, Draft

PLACEHOLDER_HOST = "docs.example.org"  # the seed of a shipped recipe; no one owns the name (RFC 2606)
# These decide how fast a crawl goes and change no page, so they do not enter the key.
PACE_SETTINGS = {
    "delay", "autothrottle_target", "max_concurrency_per_host", "max_concurrency", "max_retries", "retry_wait",
    "max_retry_after", "timeout", "max_outage", "max_lost", "max_dead",
}  # fmt: skip


class Web(Source):
    """Pages over HTTP, crawled politely from seed URLs."""

    seeds: list[str] = Field([])
    """URLs to start from"""
    hosts: list[str] = Field([])
    """hosts to stay on, with or without port; empty: the hosts of the seeds, and those that the seeds redirect to"""
    allow: list[str] = Field([])
    """regular expressions; a URL must match one of them, except for seeds; empty: all URLs"""
    deny: list[str] = Field([])
    """regular expressions; a URL that matches one is left out"""
    max_pages: int = Field(1000, ge=1)
    """maximum number of pages"""
    max_total_megabytes: float = Field(0.0, ge=0)
    """maximum megabytes (10^6 bytes) of all pages, unpacked; 0 = no limit"""
    max_minutes: float = Field(0.0, ge=0)
    """minutes after the first answer until the crawl ends, by the clock: time between a kill and a restart counts; 0 = no limit"""  # noqa: E501 - it becomes one line of help
    per_host_limits: Budget = Budget()
    """limits for each single host"""
    max_depth: int = Field(20, ge=0)
    """maximum number of links between a seed and a page"""
    sitemaps: Sitemaps = Sitemaps()
    """sitemaps that are read before the crawl starts"""
    traps: Traps = Traps()
    """rules that keep the crawl out of endless URL spaces"""
    parameters: Parameters = Parameters()
    """query parameters that are removed from URLs"""
    delay: float = Field(0.5, ge=0)
    """seconds between two requests to one host; a longer Crawl-delay in robots.txt takes precedence"""
    autothrottle_target: float = Field(1.0, ge=0)
    """mean number of requests that a host works on at a time: slow hosts are asked less often; 0: no throttling"""
    max_concurrency_per_host: int = Field(4, ge=1)
    """maximum number of simultaneous requests to one host"""
    max_concurrency: int = Field(64, ge=1)
    """maximum number of simultaneous requests to all hosts"""
    max_retries: int = Field(3, ge=0)
    """how often a URL is tried again after a timeout, a lost connection or the status 408, 429 or 5xx"""
    retry_wait: float = Field(1.0, ge=0)
    """seconds before the first retry; doubled for each further one"""
    max_retry_after: float = Field(300.0, ge=0)
    """maximum seconds that a Retry-After or Crawl-delay may ask for; a host that wants more is left for another run"""
    max_outage: float = Field(600.0, ge=0)
    """maximum seconds that a host that stops answering is waited for, while other hosts go on; a nightly run can wait some hours, such as 14400; 0: not at all. What stays unanswered is asked again by the next run"""  # noqa: E501 - it becomes one line of help
    max_lost: float = Field(0.5, ge=0, le=1)
    """fraction of URLs without an answer above which a crawl fails; below it the artifact is incomplete"""
    max_dead: float = Field(0.01, ge=0, le=1)
    """fraction of a host's pages up to which URLs that failed in two runs count as dead (ten always may); more of them are asked for again in each run"""  # noqa: E501 - it becomes one line of help
    timeout: float = Field(30.0, gt=0)
    """seconds within which an answer must be complete"""
    max_megabytes: float = Field(10.0, gt=0)
    """maximum size of an answer in megabytes (10^6 bytes), also after decompression; larger ones are skipped"""
    content_types: list[str] = Field([HTML, "application/xhtml+xml", "text/plain"])
    """media types of pages; answers of other types are skipped after their headers"""
    user_agent: str = Field("Textmill/0.1", min_length=1)
    """the User-Agent header; its first word is the name that robots.txt knows you by. For any machine but this one it must say how to reach you, such as Textmill/0.1 (+https://your.site/crawler) or Textmill/0.1 (you@your.site)"""  # noqa: E501 - it becomes one line of help
    private_addresses: bool = False
    """connect to private, link-local and loopback addresses too; else only to ports of this machine that seeds name"""
    verify_certificates: bool = True
    """refuse https hosts whose certificate is invalid"""

    @field_validator("allow", "deny")
    @classmethod
    def check_patterns(cls, patterns: list[str]) -> list[str]:
        """Refuse invalid regular expressions when the settings are read."""
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return patterns

    def semantic(self) -> dict[str, Any]:
        """Return the settings without the pace.

        Raises StageFailure for seeds or a user agent that no crawl can start with.
        """
        self._check_contact(self._normalise_seeds())
        return {name: value for name, value in super().semantic().items() if name not in PACE_SETTINGS}

    def collect(self, draft: Draft, size: ShardSize, previous: Artifact | None = None) -> Tally:
        """Crawl, or resume a crawl that was killed."""
        from tasks.crawl.web.markup import MarkupRules  # noqa: PLC0415 - imports Scrapy's parser
        from tasks.crawl.web.spider import run_crawl  # noqa: PLC0415 - Scrapy takes a second to import

        seeds = self._normalise_seeds()
        self._check_contact(seeds)
        hosts = {host.lower() for host in self.hosts} or {get_host(seed) for seed in seeds}
        budget = Budget(
            max_pages=self.max_pages, max_total_megabytes=self.max_total_megabytes, max_minutes=self.max_minutes
        )
        # hosts that the user named are not extended by those that the seeds redirect to
        limits = CrawlLimits(seeds, self.content_types, not self.hosts, budget, self.per_host_limits, self.max_outage)
        take_over(draft)
        previous_snapshot = PreviousSnapshot(previous.folder if previous else None)
        journal = CrawlJournal(draft, size)
        with progress(label="crawl", unit="answers", done=journal.num_stored) as bar:
            scope = Scope(hosts, self.allow, self.deny, self.max_depth, self.traps)
            state = CrawlState(limits, scope, self.max_concurrency_per_host, journal, previous_snapshot, bar)
            rules = MarkupRules(parse_product_name(self.user_agent), self.parameters, self.traps)
            run_crawl(state, self._make_scrapy_settings(seeds), rules, self.sitemaps)
        num_runs = read_num_runs(previous.folder if previous else None, draft.incomplete_artifact)
        return finish_crawl(state, draft, LossLimits(self.max_lost, self.max_dead), num_runs)

    def _normalise_seeds(self) -> list[str]:
        if not self.seeds:
            raise BadSetting(
                "no seed URL is given",
                "Set crawl.source.web.seeds, choose another source, or name a recipe that does: --recipe FILE "
                "(textmill demo leaves its own in the store, as demo.yaml)",
            )
        refuse_credentials(self.seeds, "crawl.source.web.seeds")
        refuse_credentials(self.sitemaps.urls, "crawl.source.web.sitemaps.urls")
        seeds = {seed: normalise_url(seed) for seed in self.seeds}
        wrong = [seed for seed, url in seeds.items() if url is None]
        if wrong:
            raise BadSetting(f"{', '.join(wrong)}: not a URL that can be crawled", "Give it as https://host/path")
        if any(url is not None and get_host(url) == PLACEHOLDER_HOST for url in seeds.values()):
            raise BadSetting(
                f"the seed {PLACEHOLDER_HOST} is only a placeholder", "Put your own seed into crawl.source.web.seeds"
            )
        private = [] if self.private_addresses else [url for url in seeds.values() if url and is_private(get_host(url))]
        if private:
            raise BadSetting(
                f"{', '.join(private)}: not a public address",
                "Set crawl.source.web.private_addresses to true if the host is yours",
            )
        return list(dict.fromkeys(self.parameters.strip_url(url)[0] for url in seeds.values() if url is not None))

    def _check_contact(self, seeds: list[str]) -> None:
        urls = [*seeds, *(f"//{host}" for host in self.hosts)]
        if not all(is_loopback(get_host(url)) for url in urls) and not has_contact(self.user_agent):
            raise BadSetting(
                f'the user agent "{self.user_agent}" does not say how to reach you',
                "Set crawl.source.web.user_agent to a name and an address of yours, such as "
                '"Textmill/0.1 (+https://your.site/crawler)" or "Textmill/0.1 (you@your.site)"',
            )

    def _make_scrapy_settings(self, seeds: list[str]) -> dict[str, Any]:
        return {
            "GATE": AddressGate(
                allow_private=self.private_addresses,
                loopback_targets=list_loopback_targets(seeds),
                has_contact=has_contact(self.user_agent),
            ),
            "CONCURRENT_REQUESTS": self.max_concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": self.max_concurrency_per_host,
            "DOWNLOAD_DELAY": self.delay,
            "DOWNLOAD_MAXSIZE": int(self.max_megabytes * 1e6),
            "DOWNLOAD_TIMEOUT": self.timeout,
            "DOWNLOAD_VERIFY_CERTIFICATES": self.verify_certificates,
            "HOST_HEADERS": read_host_headers(),
            "MAX_RETRY_AFTER": self.max_retry_after,
            "RETRY_TIMES": self.max_retries,
            "RETRY_WAIT": self.retry_wait,
            "AUTOTHROTTLE_TARGET_CONCURRENCY": self.autothrottle_target,
            "USER_AGENT": self.user_agent,
        }
