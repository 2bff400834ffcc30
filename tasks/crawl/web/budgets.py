"""Limits of a crawl, in total and for each host: pages, bytes and time."""

import sys
from dataclasses import dataclass, field

from pydantic import Field

from tasks.block import Block

PAGE_LIMIT, BYTE_LIMIT, TIME_LIMIT = "page limit", "byte limit", "time limit"


class Budget(Block):
    """Limits of a crawl. 0 is no limit."""

    max_pages: int = Field(0, ge=0)
    """maximum number of pages; 0 = no limit"""
    max_total_megabytes: float = Field(0, ge=0)
    """maximum megabytes (10^6 bytes) of pages, unpacked; those in flight when it is reached count; 0 = no limit"""
    max_minutes: float = Field(0, ge=0)
    """maximum minutes since the first answer, by the clock: time between a kill and a restart counts; 0 = no limit"""


@dataclass
class BudgetUsage:
    """The used part of a budget."""

    budget: Budget
    pages: int = 0
    bytes: int = 0
    started_at: int = 0  # milliseconds since 1970: when the first answer came

    def add(self, num_bytes: int, at: int) -> None:
        """Count a page that came at a time in milliseconds since 1970."""
        self.pages += 1
        self.bytes += num_bytes
        self.started_at = self.started_at or at

    @property
    def remaining_pages(self) -> int:
        """Number of pages that may still come."""
        return self.budget.max_pages - self.pages if self.budget.max_pages else sys.maxsize

    def find_reached_limit(self, now: int) -> str | None:
        """Return the limit that is reached at a time in milliseconds since 1970, or None."""
        if self.remaining_pages <= 0:
            return PAGE_LIMIT
        if self.budget.max_total_megabytes and self.bytes >= self.budget.max_total_megabytes * 1e6:
            return BYTE_LIMIT
        if self.budget.max_minutes and self.started_at and now - self.started_at >= self.budget.max_minutes * 60_000:
            return TIME_LIMIT
        return None


@dataclass
class BudgetTracker:
    """The usage of the crawl's budget, and of the equal budgets of all hosts."""

    total: BudgetUsage
    host_budget: Budget
    hosts: dict[str, BudgetUsage] = field(default_factory=dict)

    def get_host_usage(self, host: str) -> BudgetUsage:
        """Return the usage of a host's budget."""
        return self.hosts.setdefault(host, BudgetUsage(self.host_budget))

    def add(self, host: str, num_bytes: int, at: int) -> None:
        """Count a page that came from a host."""
        self.total.add(num_bytes, at)
        self.get_host_usage(host).add(num_bytes, at)

    def shift_start(self, milliseconds: int) -> None:
        """Leave a time out of all clocks, in which no crawl was under way."""
        for usage in (self.total, *self.hosts.values()):
            if usage.started_at:
                usage.started_at += milliseconds

    def get_remaining_pages(self, host: str) -> int:
        """Return how many pages may still come from a host."""
        return self.get_host_usage(host).remaining_pages
