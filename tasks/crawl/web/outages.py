"""Hosts that stop answering: nothing is asked of them for a while, and what stays unanswered is remembered.

A host is suspected after MAX_FAILURES failed attempts in a row, or when its last URLs failed. A request for a page that
it sent before then decides (`outage_watch.py`). If that fails too, the host is away: its URLs wait, those that failed
since its last answer too, and it is asked again after growing pauses. After `max_outage` it is given up.
A host that never answered is not waited for: its name or port may be wrong. Nor is one whose answers begin and come
too slowly, again and again: that is a tarpit or an overload, which probes would feed.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.crawl.web.frontier import Frontier, FrontierEntry
from tasks.crawl.web.reasons import GAVE_UP, TOO_SLOW
from tasks.crawl.web.urls import get_host

log = logging.getLogger("textmill.crawl")

MAX_FAILURES = 5  # in a row: then a host is suspected; one that never answered is given up after so many URLs
MAX_REQUEUES = 3  # of one URL: a page that takes its server down each time must not be asked for ever
RETRIED_LATER_STATUSES = {408, 425, 429}


def is_healable_status(status: int) -> bool:
    """Return whether an answer says that the same request may succeed later: too many requests, or a server error."""
    # 501, 505, 506, 510 and 511 speak of the request itself
    return status in RETRIED_LATER_STATUSES or (500 <= status < 600 and status not in (501, 505, 506, 510, 511))


class FailedUrl(NamedTuple):
    """A URL without an answer, and why."""

    entry: FrontierEntry
    reason: str
    is_exhausted: bool = True  # all its retries failed; else it was cut short, since its host is suspected


@dataclass
class HostHealth:
    """A crawl's knowledge of a host: whether it answers, and which URLs failed."""

    answered_url: str = ""  # the last page that came
    num_failures: int = 0  # attempts in a row without an answer
    num_slow: int = 0  # those of them whose answer began, and came too slowly
    num_refusals: int = 0  # URLs in a row that failed for good, such as for a bad certificate
    failed: list[FailedUrl] = field(default_factory=list)  # since the last answer
    num_in_flight: int = 0  # URLs that were being fetched when the first of those failed
    lost: dict[str, FailedUrl] = field(default_factory=dict)  # by URL: failed while the host answered others
    num_requeued: Counter[str] = field(default_factory=Counter)
    is_suspected: bool = False  # nothing is asked of it until a probe was answered
    suspected_at: float = 0.0  # by the monotonic clock
    is_away: bool = False  # a probe failed too
    is_probed_by_failed: bool = False  # see `HostOutages.choose_probe`
    is_given_up: bool = False
    num_probes: int = 0  # of the present outage
    fails_elsewhere: bool = False  # it was given up, though it goes on to send a page that it sent before

    @property
    def has_failed_in_a_row(self) -> bool:
        """True when so many different URLs failed that a page it sent before, from a cache perhaps, proves nothing."""
        return len(self.failed) >= MAX_FAILURES

    @property
    def is_too_slow(self) -> bool:
        """True when all that failed were slow answers, also one that was asked for after the first of them failed.

        Where a connection is cut, the answers on their way are slow, and the next ones do not begin.
        """
        return len(self.failed) > self.num_in_flight and self.are_all_slow

    @property
    def are_all_slow(self) -> bool:
        """True when nothing failed but answers that began, and came too slowly."""
        return all(failed.reason == TOO_SLOW for failed in self.failed)


class HostOutages:
    """Decides which hosts are waited for. `on_suspected` begins to probe a host: see `OutageWatch`.

    `find_known_url` returns a URL of a host that the previous snapshot has, or an empty text.
    """

    def __init__(self, frontier: Frontier, max_outage: float, find_known_url: Callable[[str], str]) -> None:
        self.frontier, self.max_outage, self.find_known_url = frontier, max_outage, find_known_url
        self.hosts: dict[str, HostHealth] = {}
        self.num_suspected = 0  # hosts that are probed: their URLs may come back to the frontier
        self.on_suspected: Callable[[str], None] = lambda _: None

    def get_health(self, host: str) -> HostHealth:
        """Return what is known of a host."""
        if host not in self.hosts:
            self.hosts[host] = HostHealth(answered_url=self.find_known_url(host))
        return self.hosts[host]

    def is_suspected(self, host: str) -> bool:
        """Return whether nothing may be asked of a host for now."""
        return host in self.hosts and self.hosts[host].is_suspected

    def has_answered(self, host: str) -> bool:
        """Return whether a host ever sent a page, in this crawl or the previous snapshot."""
        return bool(self.get_health(host).answered_url)

    def record_answer(self, url: str, *, is_page: bool) -> None:
        """Note that a host answered."""
        health = self.get_health(get_host(url))
        health.num_failures = health.num_slow = health.num_refusals = 0
        health.lost |= {failed.entry.url: failed for failed in health.failed}
        health.failed.clear()
        if is_page:
            health.answered_url = url

    def record_failed_attempt(self, host: str, *, is_slow: bool = False) -> None:
        """Note that a request to a host failed, whether it is retried or not; of slow answers the URLs decide."""
        health = self.get_health(host)
        health.num_failures += 1
        health.num_slow += is_slow
        is_silent = health.num_failures >= MAX_FAILURES and health.num_slow < health.num_failures
        if is_silent and health.answered_url and host in self.frontier.hosts:
            self._suspect(host)

    def record_failure(self, failed: FailedUrl) -> None:
        """Note that a URL failed for good, in spite of its retries."""
        host = get_host(failed.entry.url)
        health = self.get_health(host)
        health.failed.append(failed)
        if len(health.failed) == 1:
            health.num_in_flight = self.frontier.hosts[host].fetching.total()
        if health.is_given_up:
            self._move_to_lost(health)
        elif not health.has_failed_in_a_row:
            return
        elif not health.answered_url:
            self.give_up(host, GAVE_UP)
        elif health.is_too_slow:
            log.warning("%s sends its answers too slowly (timeout) and is left for the next run", host)
            self.give_up(host, GAVE_UP)
        elif not health.are_all_slow:
            self._suspect(host)

    def record_refusal(self, url: str, reason: str, *, is_final: bool) -> None:
        """Note a failure that no waiting mends; after MAX_FAILURES, or a final one, its host is not asked any more."""
        host = get_host(url)
        health = self.get_health(host)
        health.num_refusals += 1
        if is_final or health.num_refusals >= MAX_FAILURES:
            self.frontier.close(host, reason)

    def add_lost(self, failed: FailedUrl) -> None:
        """Note a URL that an earlier run of the same crawl got no proper answer for."""
        self.get_health(get_host(failed.entry.url)).lost[failed.entry.url] = failed

    def check_end(self, host: str) -> None:
        """Suspect a host whose last URLs failed: nothing else would tell whether it still answers."""
        health = self.hosts.get(host)
        if health is None or not health.failed or health.is_suspected or not self.frontier.is_exhausted(host):
            return
        if health.num_failures and health.answered_url and not health.is_given_up:
            self._suspect(host)
        else:
            self._move_to_lost(health)

    def _suspect(self, host: str) -> None:
        health = self.hosts[host]
        if not health.is_suspected and not health.is_given_up:
            health.is_suspected, health.suspected_at, health.num_probes = True, time.monotonic(), 0
            self.num_suspected += 1
            self.frontier.pause(host)
            self.on_suspected(host)

    def choose_probe(self, host: str) -> str:
        """Return the URL by which to ask whether a host answers.

        A page that it sent before; after many different URLs failed, by turns one of those and one that still waits.
        """
        health, waiting = self.hosts[host], self.frontier.hosts[host].waiting
        health.num_probes += 1
        health.is_probed_by_failed = health.has_failed_in_a_row
        if not health.is_probed_by_failed:
            return health.answered_url
        if waiting and health.num_probes % 2 == 0:
            return waiting[health.num_probes // 2 % len(waiting)][2].url
        return health.failed[health.num_probes // 2 % len(health.failed)].entry.url

    def get_remaining_seconds(self, host: str) -> float:
        """Return how long a host that is away is still waited for."""
        return self.max_outage - (time.monotonic() - self.hosts[host].suspected_at)

    def mark_away(self, host: str, reason: str, pause: float) -> None:
        """Note that a probe failed, and say so in the log: after `pause` seconds comes the next one."""
        health = self.hosts[host]
        seconds = time.monotonic() - health.suspected_at
        if not health.is_away:
            log.warning(
                "%s does not answer (%s): its URLs wait and the crawl of other hosts goes on; asked again in %.3g s, "
                "given up after %.4g s (max_outage)",
                host, reason, pause, self.max_outage,
            )  # fmt: skip
        else:
            log.info("%s: no answer for %.0f s (%s); asked again in %.3g s", host, seconds, reason, pause)
        health.is_away = True

    def mark_back(self, host: str) -> None:
        """Note that a probe was answered, and put the URLs back that failed meanwhile."""
        health = self.hosts[host]
        health.is_suspected, health.num_failures, health.num_slow = False, 0, 0
        self.num_suspected -= 1
        if health.is_away or health.is_probed_by_failed:
            seconds = time.monotonic() - health.suspected_at
            log.warning("%s answers again after %.1f s: its crawl goes on", host, seconds)
            again, health.failed = [*health.lost.values(), *health.failed], []
            health.lost.clear()
        else:
            again = [failed for failed in health.failed if not failed.is_exhausted]
            health.failed = [failed for failed in health.failed if failed.is_exhausted]
        health.is_away = False
        for failed in again:
            health.num_requeued[failed.entry.url] += 1
            if health.num_requeued[failed.entry.url] > MAX_REQUEUES:
                health.lost[failed.entry.url] = failed
            else:
                self.frontier.requeue(failed.entry)
        self.frontier.resume(host)
        self.check_end(host)

    def give_up(self, host: str, reason: str, *, fails_elsewhere: bool = False) -> None:
        """Ask no more of a host in this run; what it was not asked for is kept in `Frontier.unasked`."""
        health = self.get_health(host)
        health.fails_elsewhere = fails_elsewhere
        if health.is_suspected:
            seconds = time.monotonic() - health.suspected_at
            log.warning("%s gave no answer for %.0f s (%s) and is left for the next run", host, seconds, reason)
        self.num_suspected -= health.is_suspected
        health.is_given_up, health.is_suspected, health.is_away = True, False, False
        self._move_to_lost(health)
        self.frontier.close(host, reason, keeps_unasked=True)

    def _move_to_lost(self, health: HostHealth) -> None:
        health.lost |= {failed.entry.url: failed for failed in health.failed}
        health.failed.clear()

    def list_failed(self) -> list[FailedUrl]:
        """Return all URLs that failed and got no answer later."""
        return [failed for health in self.hosts.values() for failed in (*health.lost.values(), *health.failed)]
