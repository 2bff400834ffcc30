"""What a crawl may take, from one host and in all: pages, bytes, time."""

import sys
from dataclasses import dataclass, field

from pydantic import Field

from tasks.block import Block

PAGE_LIMIT, BYTE_LIMIT, TIME_LIMIT = "page limit", "byte limit", "time limit"


class Budget(Block):
    """What is taken at most. 0 is no limit."""

    pages: int = Field(0, ge=0)
    """pages at most; 0 = no limit"""
    megabytes: float = Field(0, ge=0)
    """megabytes of pages at most, unpacked; those on the way when it is reached still come; 0 = no limit"""
    minutes: float = Field(0, ge=0)
    """minutes at most since the first answer, by the clock: a crawl that was killed has no more time for it; 0 = no
    limit"""


@dataclass
class BudgetUsage:
    """What was taken of a budget."""

    budget: Budget
    pages: int = 0
    bytes: int = 0
    since: int = 0  # milliseconds since 1970: when the first answer came

    def add(self, num_bytes: int, at: int) -> None:
        """A page came."""
        self.pages += 1
        self.bytes += num_bytes
        self.since = self.since or at

    @property
    def room(self) -> int:
        """Pages that may still come."""
        return self.budget.pages - self.pages if self.budget.pages else sys.maxsize

    def reached(self, now: int) -> str | None:
        """The limit that is reached, or None."""
        if self.room <= 0:
            return PAGE_LIMIT
        if self.budget.megabytes and self.bytes >= self.budget.megabytes * 1e6:
            return BYTE_LIMIT
        if self.budget.minutes and self.since and now - self.since >= self.budget.minutes * 60_000:
            return TIME_LIMIT
        return None


@dataclass
class BudgetTracker:
    """The budget of the crawl, and the same one for each host."""

    whole: BudgetUsage
    each_host: Budget
    hosts: dict[str, BudgetUsage] = field(default_factory=dict)

    def host(self, name: str) -> BudgetUsage:
        """What was taken from a host."""
        return self.hosts.setdefault(name, BudgetUsage(self.each_host))

    def add(self, host: str, num_bytes: int, at: int) -> None:
        """A page came from a host."""
        self.whole.add(num_bytes, at)
        self.host(host).add(num_bytes, at)

    def room(self, host: str) -> int:
        """Pages that may still come from a host."""
        return self.host(host).room
