"""The frontier of a crawl: the URLs that are known, those that wait, and those that are being fetched.

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
    """A URL of a crawl, and how it was found."""

    url: str
    depth: int = 0  # links from a seed
    hops: int = 0  # redirects in a row that led to it
    via: str = ""  # the page or redirect that named it


@dataclass
class HostQueue:
    """The waiting URLs of one host, and the depths of those being fetched."""

    waiting: list[tuple[int, bytes, FrontierEntry]] = field(default_factory=list)  # a heap
    fetching: Counter[int] = field(default_factory=Counter)
    is_ready: bool = False  # stands in `Frontier.ready_hosts`
    closed: str | None = None  # the reason why no more is asked of it
    keeps_unasked: bool = False  # it was closed for a reason that another run need not meet
    is_paused: bool = False  # it does not answer: nothing is asked of it for now

    def can_start(self, limit: int) -> bool:
        if self.is_paused or not self.waiting or self.fetching.total() >= limit:
            return False
        # a level starts when the one above is fetched completely: only then are all its URLs known
        return not self.fetching or self.waiting[0][0] <= min(self.fetching)


class Frontier:
    """Hands out each URL once, the hosts by turns, and at most `max_per_host` URLs of a host at a time.

    `get_remaining_pages` tells how many pages may still come from a host; those being fetched count as pages until they
    turn out to be none.
    """

    def __init__(
        self, scope: Scope, max_per_host: int, get_remaining_pages: Callable[[str], int] | None = None
    ) -> None:
        self.scope, self.max_per_host, self.get_remaining_pages = scope, max_per_host, get_remaining_pages
        self.seen: set[str] = set()
        self.hosts: dict[str, HostQueue] = {}
        self.ready_hosts: deque[str] = deque()
        self.num_waiting = 0
        self.num_fetching = 0
        self.refused: Counter[str] = Counter()
        self.unasked: dict[str, FrontierEntry] = {}  # by URL: what hosts that were given up were not asked for

    def add(self, urls: list[str], depth: int, hops: int = 0, via: str = "") -> list[str]:
        """Queue the URLs that are new and belong to the crawl; return all that are new."""
        new_urls = [url for url in dict.fromkeys(urls) if url not in self.seen]
        for url in new_urls:
            self.seen.add(url)
            host = self.hosts.get(get_host(url), HostQueue())
            if hops > self.scope.traps.max_redirects:
                refusal: str | None = TOO_MANY_REDIRECTS
            else:
                refusal = self.scope.find_refusal(url, depth) or host.closed
            entry = FrontierEntry(url, depth, hops, via)
            if refusal:
                self.refused[refusal] += 1
                if refusal == host.closed and host.keeps_unasked:
                    self.unasked[url] = entry
            else:
                self._enqueue(entry)
        return new_urls

    def refuse(self, url: str, reason: str) -> None:
        """Leave a URL out, wherever it may still be linked."""
        if url not in self.seen:
            self.seen.add(url)
            self.refused[reason] += 1

    def _enqueue(self, entry: FrontierEntry) -> None:
        name = get_host(entry.url)
        host = self.hosts.setdefault(name, HostQueue())
        # the hash of the URL is the fixed order that looks random: a page limit takes no one-sided part of a site
        order = hashlib.blake2b(entry.url.encode(), digest_size=8).digest()
        # by level first; within a level by the hash
        heapq.heappush(host.waiting, (entry.depth, order, entry))
        self.num_waiting += 1
        self._update_ready(name)

    def _update_ready(self, name: str) -> None:
        host = self.hosts[name]
        # a host stands in the queue at most once
        if not host.is_ready and host.can_start(self._get_host_limit(name)):
            host.is_ready = True
            self.ready_hosts.append(name)

    def _get_host_limit(self, name: str) -> int:
        if self.get_remaining_pages is None:
            return self.max_per_host
        # those in flight count as pages, so near its limit a host gets fewer requests at a time
        return min(self.max_per_host, self.get_remaining_pages(name))

    def pop(self) -> FrontierEntry | None:
        """Return the next URL to fetch; None when every host is busy or nothing waits."""
        while self.ready_hosts:
            name = self.ready_hosts.popleft()
            host = self.hosts[name]
            host.is_ready = False
            if not host.can_start(self._get_host_limit(name)):  # its budget may have run out since it was ready
                continue
            entry = heapq.heappop(host.waiting)[2]
            host.fetching[entry.depth] += 1
            self.num_waiting -= 1
            self.num_fetching += 1
            self._update_ready(name)
            return entry
        return None

    def mark_done(self, entry: FrontierEntry) -> None:
        """Mark a URL as fetched or given up. Add its links before, or the next level may start without them."""
        name = get_host(entry.url)
        host = self.hosts[name]
        host.fetching[entry.depth] -= 1
        host.fetching += Counter()  # drops the zeros
        self.num_fetching -= 1
        self._update_ready(name)

    def requeue(self, entry: FrontierEntry) -> None:
        """Queue a URL once more that got no answer; its host counts it as done meanwhile."""
        if closed := self.hosts[get_host(entry.url)].closed:
            self.refused[closed] += 1
        else:
            self._enqueue(entry)

    def pause(self, name: str) -> None:
        """Ask nothing of a host until `resume`; its URLs go on waiting."""
        self.hosts[name].is_paused = True

    def resume(self, name: str) -> None:
        """Ask a paused host again."""
        self.hosts[name].is_paused = False
        self._update_ready(name)

    def is_exhausted(self, name: str) -> bool:
        """Return whether nothing of a host waits or is being fetched."""
        host = self.hosts[name]
        return not host.waiting and not host.fetching

    def close(self, name: str, reason: str, *, keeps_unasked: bool = False) -> None:
        """Ask no more of a host; its waiting URLs, and those found later, count as refused, for the first reason given.

        With `keeps_unasked` they are also collected in `unasked`.
        """
        if (host := self.hosts.get(name)) is None or host.closed:
            return
        host.closed, host.keeps_unasked = reason, keeps_unasked
        if host.waiting:
            self.refused[reason] += len(host.waiting)
        if keeps_unasked:
            self.unasked |= {entry.url: entry for *_, entry in host.waiting}
        self.num_waiting -= len(host.waiting)
        host.waiting.clear()

    def remove_done(self, done: set[str]) -> None:
        """Remove the URLs that a killed run had fetched already."""
        self.seen |= done
        for host in self.hosts.values():
            waiting = [item for item in host.waiting if item[2].url not in done]
            self.num_waiting -= len(host.waiting) - len(waiting)
            host.waiting = waiting
            heapq.heapify(host.waiting)
