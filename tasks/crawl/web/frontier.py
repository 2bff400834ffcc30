"""The URLs of a crawl: which are known, which wait, which are being fetched.

Each host is crawled level by level, and within a level in a fixed order that looks random: so the depth of a page, and
what a page limit leaves out, do not depend on how fast anything answered, nor on a kill in between.
"""

import hashlib
import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.crawl.web.urls import Scope, get_host

TOO_MANY_REDIRECTS = "too many redirects"


class FrontierEntry(NamedTuple):
    """A URL, how many links it is away from a seed, how many redirects led to it, and the page that was the last."""

    url: str
    depth: int = 0
    hops: int = 0
    via: str = ""


@dataclass
class HostQueue:
    """One host's URLs that wait, and the depths of those being fetched."""

    waiting: list[tuple[int, bytes, FrontierEntry]] = field(default_factory=list)
    fetching: Counter[int] = field(default_factory=Counter)
    ready: bool = False
    closed: str | None = None  # why nothing more is asked of it

    def may_start(self, limit: int) -> bool:
        if not self.waiting or self.fetching.total() >= limit:
            return False
        return not self.fetching or self.waiting[0][0] <= min(self.fetching)


class Frontier:
    """Hands out each URL once, the hosts by turns and at most `per_host` of a host at a time.

    `room` tells how many pages may still come from a host; those being fetched count until they turn out to be none.
    """

    def __init__(self, scope: Scope, per_host: int, room: Callable[[str], int] | None = None) -> None:
        self.scope, self.per_host, self.room = scope, per_host, room
        self.seen: set[str] = set()
        self.hosts: dict[str, HostQueue] = {}
        self.turn: deque[str] = deque()
        self.num_waiting = 0
        self.num_fetching = 0
        self.refused: Counter[str] = Counter()

    def discover(self, urls: list[str], depth: int, hops: int = 0, via: str = "") -> list[str]:
        """Queue those that are new and belong to the crawl; returns all that are new."""
        new = [url for url in dict.fromkeys(urls) if url not in self.seen]
        for url in new:
            self.seen.add(url)
            closed = self.hosts.get(get_host(url), HostQueue()).closed
            refusal = (
                TOO_MANY_REDIRECTS if hops > self.scope.traps.redirects else self.scope.refuses(url, depth) or closed
            )
            if refusal:
                self.refused[refusal] += 1
            else:
                self._wait(FrontierEntry(url, depth, hops, via))
        return new

    def refuse(self, url: str, reason: str) -> None:
        """Leave a URL out, wherever it may still be linked."""
        if url not in self.seen:
            self.seen.add(url)
            self.refused[reason] += 1

    def _wait(self, entry: FrontierEntry) -> None:
        name = get_host(entry.url)
        host = self.hosts.setdefault(name, HostQueue())
        order = hashlib.blake2b(entry.url.encode(), digest_size=8).digest()
        heapq.heappush(host.waiting, (entry.depth, order, entry))
        self.num_waiting += 1
        self._take_turn(name)

    def _take_turn(self, name: str) -> None:
        host = self.hosts[name]
        if not host.ready and host.may_start(self._limit(name)):
            host.ready = True
            self.turn.append(name)

    def _limit(self, name: str) -> int:
        return self.per_host if self.room is None else min(self.per_host, self.room(name))

    def take(self) -> FrontierEntry | None:
        """The next URL to fetch; None when every host is busy or nothing waits."""
        while self.turn:
            name = self.turn.popleft()
            host = self.hosts[name]
            host.ready = False
            if not host.may_start(self._limit(name)):
                continue
            entry = heapq.heappop(host.waiting)[2]
            host.fetching[entry.depth] += 1
            self.num_waiting -= 1
            self.num_fetching += 1
            self._take_turn(name)
            return entry
        return None

    def settle(self, entry: FrontierEntry) -> None:
        """The URL was fetched, or given up. Discover its links before."""
        name = get_host(entry.url)
        host = self.hosts[name]
        host.fetching[entry.depth] -= 1
        host.fetching += Counter()  # drops the zeros
        self.num_fetching -= 1
        self._take_turn(name)

    def give_up(self, name: str) -> int:
        """Forget what waits for a host; returns how many those were."""
        host = self.hosts[name]
        count = len(host.waiting)
        host.waiting.clear()
        self.num_waiting -= count
        return count

    def close(self, name: str, reason: str) -> None:
        """Ask nothing more of a host; what waits for it, and what is found of it later, counts as refused."""
        if name in self.hosts:
            self.refused.update({reason: self.give_up(name)} if self.hosts[name].waiting else {})
            self.hosts[name].closed = reason

    def forget_done(self, done: set[str]) -> None:
        """Take away what a killed run had fetched already."""
        self.seen |= done
        for host in self.hosts.values():
            left = [each for each in host.waiting if each[2].url not in done]
            self.num_waiting -= len(host.waiting) - len(left)
            host.waiting = left
            heapq.heapify(host.waiting)
