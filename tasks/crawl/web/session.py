"""One crawl of the web as decisions: what is fetched next, what is kept, when it ends. Knows nothing of Scrapy."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event

from tasks.crawl.counters import Tally, format_counts
from tasks.crawl.page import REVISIT_STATUS, CrawledPage, IndexRow, parse_media_type
from tasks.crawl.web.budgets import PAGE_LIMIT, Budget, BudgetTracker, BudgetUsage
from tasks.crawl.web.frontier import Frontier, FrontierEntry
from tasks.crawl.web.journal import CrawlJournal, JournalLine
from tasks.crawl.web.previous_snapshot import PreviousSnapshot
from tasks.crawl.web.reasons import (
    FETCHED_NOT_STORED,
    GAVE_UP,
    HINTS,
    NETWORK,
    NOT_MODIFIED_UNKNOWN,
    ROBOTS,
    TRANSIENT,
    WAIT_TOO_LONG,
)
from tasks.crawl.web.urls import Scope, get_host
from tasks.errors import StageFailure, Transient
from tasks.runtime.progress import progress
from tasks.store import Draft

SITEMAP_LINE = "sitemap"  # stands for its address where a page's journal line names the page
BUSY_STATUSES = (429, 503)
MAX_FAILURES = 5  # URLs of a host in a row that failed in spite of their retries


@dataclass(frozen=True)
class CrawlLimits:
    """What ends a crawl, and what it keeps."""

    seeds: list[str]
    content_types: list[str]
    follow_seed_redirects: bool  # to hosts that are not named: yes unless the user named hosts
    budget: Budget
    host_budget: Budget


class CrawlState:
    """The state of one crawl. A restart gives it a ledger with lines, and it goes on from them."""

    def __init__(
        self,
        limits: CrawlLimits,
        scope: Scope,
        per_host: int,
        ledger: CrawlJournal,
        earlier: PreviousSnapshot,
        bar: progress,
    ) -> None:
        self.limits, self.ledger, self.earlier, self.bar = limits, ledger, earlier, bar
        self.budgets = BudgetTracker(BudgetUsage(limits.budget), limits.host_budget)
        self.frontier = Frontier(scope, per_host, self.budgets.room)
        self.tally = Tally()
        self.streak: Counter[str] = Counter()
        self.error: Exception | None = None
        self.stopping = False
        self.interrupted = Event()  # from another thread: the crawl ends soon, and is not finished
        self.held = False  # while sitemaps are read: what is fetched must not depend on how long that takes
        self.kept: set[str] = set()  # URLs of pages that are stored
        self.seed_lost = False  # it may lead to a host that no one named, so any page may still belong to the crawl
        self.unlinked: set[str] | None = None  # pages of the snapshot before that no page leads to; asked for last
        self.frontier.discover(limits.seeds, 0)
        self._replay()

    def _replay(self) -> None:
        done: set[str] = set()
        for line in self.ledger.lines():
            done.add(line["url"])
            self._discover(
                FrontierEntry(line["url"], line["depth"], line["hops"]), line["links"], redirect=line["redirect"]
            )
            if (row := line.get("row")) is not None:
                self._count(row, line["bytes"])
            elif "skipped" in line:
                self._drop(line["url"], line["skipped"])
            self.tally.links.update(line.get("noted", {}))
        self.frontier.forget_done(done)
        for host in list(self.budgets.hosts):
            self._close_if_spent(host)
        self.tally.resumed = self.tally.answers

    def _discover(self, entry: FrontierEntry, links: list[str], *, redirect: bool) -> list[str]:
        if redirect and not entry.depth and self.limits.follow_seed_redirects:
            self.frontier.scope.hosts.update(get_host(link) for link in links)
        depth, hops = (entry.depth, entry.hops + 1) if redirect else (entry.depth + 1, 0)
        return self.frontier.discover(links, depth, hops, entry.url)

    def add_listed(self, urls: list[str]) -> None:
        """Put pages that a sitemap lists into the frontier, as if the seeds linked to them.

        The journal has them too: when a crawl goes on, the sitemap may not be there any more.
        """
        if new := self.frontier.discover(urls, 1):
            self.ledger.note(JournalLine(url=SITEMAP_LINE, depth=0, hops=0, redirect=False, links=new))

    def _count(self, row: IndexRow, num_bytes: int) -> None:
        self.tally.add(row, num_bytes)
        if row["change"]:
            self.earlier.settle(row["url"])
        if row["status"] in (200, REVISIT_STATUS):
            self.kept.add(row["url"])
            self.budgets.add(get_host(row["url"]), num_bytes, row["fetched_at"])

    def _drop(self, url: str, reason: str) -> None:
        self.tally.skip(reason)
        if reason in FETCHED_NOT_STORED:
            self.budgets.add(get_host(url), 0, get_time_ms())
            if self.earlier.settle(url):
                self.tally.changes["withdrawn"] += 1

    def _close_if_spent(self, host: str) -> None:
        if reason := self.budgets.host(host).reached(get_time_ms()):
            self.frontier.close(host, f"{reason} of a host")

    def _ask_for_unlinked(self) -> None:
        """Pages that are linked no more may be gone. They are no part of the site, so their links are not followed."""
        depth = self.frontier.scope.max_depth
        urls = (url for url in self._unanswered() if url not in self.frontier.seen)
        self.unlinked = set(self.frontier.discover(list(urls), depth))

    def _unanswered(self) -> list[str]:
        scope = self.frontier.scope
        left = self.earlier.unanswered()
        return [url for url in left if self.seed_lost or scope.refuses(url, scope.max_depth) is None]

    @property
    def pending(self) -> bool:
        """Whether there is something left to fetch."""
        left = self.frontier.num_waiting > 0 or self.unlinked is None
        return left and not self.stopping and self.budgets.whole.reached(get_time_ms()) is None

    def next(self) -> FrontierEntry | None:
        """The URL to fetch now. Those in flight count as pages until they turn out not to be: no limit is passed."""
        if self.held or not self.pending:
            return None
        if self.unlinked is None and not self.frontier.num_waiting and not self.frontier.num_fetching:
            self._ask_for_unlinked()
        return self.frontier.take() if self.budgets.whole.room > self.frontier.num_fetching else None

    def wants(self, status: int, content_type: str | None) -> bool:
        """Whether a body is worth reading: an answer that is not a page is kept whatever it is."""
        return status != 200 or not content_type or parse_media_type(content_type) in self.limits.content_types

    def store(
        self,
        entry: FrontierEntry,
        page: CrawledPage,
        links: list[str],
        *,
        redirect: bool,
        noted: Mapping[str, int] | None = None,
    ) -> None:
        """The answer goes into the WARC file, its links into the frontier. `noted` is `Reading.noted`."""
        known = self.earlier.find(entry.url)
        if page.status == REVISIT_STATUS:
            if known is None or known["num_links"] is None:
                self.skip(entry, NOT_MODIFIED_UNKNOWN)
                return
            links = self.earlier.links(known)
        line = self._line(entry, links, noted, redirect=redirect)
        row = self.ledger.store(page, line, known, links, entry.via)
        self._count(row, len(page.body))
        self._strike(entry, strikes=int(page.status in BUSY_STATUSES))
        self.bar.update()
        self._settle(entry)

    def skip(
        self,
        entry: FrontierEntry,
        reason: str,
        links: Sequence[str] = (),
        *,
        redirect: bool = False,
        noted: Mapping[str, int] | None = None,
    ) -> None:
        """Nothing is stored. What the network did is not journaled: a crawl that goes on tries the URL again."""
        self._drop(entry.url, reason)
        if reason in NETWORK:
            self._strike(entry, strikes=1)
            self.seed_lost |= not entry.depth and self.limits.follow_seed_redirects
            if reason == WAIT_TOO_LONG:
                self.frontier.close(get_host(entry.url), WAIT_TOO_LONG)
        elif reason != ROBOTS:  # robots.txt is read again anyway, and may allow by then
            self._strike(entry, strikes=0)
            self.ledger.note({**self._line(entry, list(links), noted, redirect=redirect), "skipped": reason})
        self._settle(entry)

    def _line(
        self, entry: FrontierEntry, links: list[str], noted: Mapping[str, int] | None, *, redirect: bool
    ) -> JournalLine:
        """The journal line of a URL, its links put into the frontier."""
        follows = redirect or entry.url not in (self.unlinked or ())
        new = self._discover(entry, links, redirect=redirect) if follows else []
        self.tally.links.update(noted or {})
        line = JournalLine(url=entry.url, depth=entry.depth, hops=entry.hops, redirect=redirect, links=new)
        return {**line, "noted": dict(noted)} if noted else line

    def _strike(self, entry: FrontierEntry, *, strikes: int) -> None:
        """Count failures of a host in a row, and give it up at last; an answer makes good for all."""
        host = get_host(entry.url)
        self.streak[host] = self.streak[host] + strikes if strikes else 0
        if self.streak[host] >= MAX_FAILURES:
            self.tally.skip(GAVE_UP, self.frontier.give_up(host))

    def _settle(self, entry: FrontierEntry) -> None:
        self._close_if_spent(get_host(entry.url))
        self.frontier.settle(entry)

    def show(self) -> None:
        """The figures of the moment, beside the bar."""
        self.tally.queues = Counter({name: len(host.waiting) for name, host in self.frontier.hosts.items()})
        self.bar.set_postfix(self.tally.line())

    def fail(self, error: Exception) -> None:
        """An error of ours, such as a full disk, ends the crawl."""
        self.error = self.error or error
        self.stopping = True

    def keep(self) -> str:
        """Save what an interrupted crawl has, and say what that is: the next one goes on from it."""
        self.ledger.commit()
        self.ledger.close()
        waiting = self.frontier.num_waiting + self.frontier.num_fetching
        return f"answers kept: {self.tally.answers:,}, known URLs that wait: {waiting:,}"

    def finish(self, draft: Draft) -> Tally:
        """What was crawled, once its index is written. Raises what went wrong, or that there is nothing."""
        if self.error is not None:
            self.ledger.close()
            raise self.error
        self.ledger.commit()
        skipped = self.tally.skipped
        lost = sum(skipped[reason] for reason in (*NETWORK, GAVE_UP))
        if not self.tally.answers:
            self.ledger.wipe()
            raise self._nothing()
        if lost > self.tally.answers:
            self.ledger.close()
            raise Transient(
                f"the network went away: {self.tally.answers:,} pages were fetched, {lost:,} URLs were not "
                f"({format_counts(dict(skipped))})",
                "Start the same command again when the hosts answer: it goes on from the pages that it has",
            )
        self.tally.skipped.update(self.frontier.refused)
        self.tally.skip(self.budgets.whole.reached(get_time_ms()) or PAGE_LIMIT, self.frontier.num_waiting)
        self.ledger.finish(draft)
        if unanswered := self._unanswered():
            self.earlier.carry(draft, unanswered)
            self.tally.changes["unanswered"] = len(unanswered)
        return self.tally

    def _nothing(self) -> StageFailure:
        answers = {status: count for status, count in self.tally.statuses.items() if count}
        skipped = dict(self.tally.skipped.most_common())
        refused = dict(self.frontier.refused)
        reasons = {**{f"status {status}": count for status, count in answers.items()}, **skipped, **refused}
        what = f"no page was fetched from {', '.join(self.limits.seeds)} ({format_counts(reasons)})"
        network = {reason for reason in skipped if reason in NETWORK}
        if network and network <= set(TRANSIENT) and not answers:
            return Transient(what, "Check the network: the hosts cannot be reached from here")
        mends = [mend for reason, mend in HINTS.items() if reason in skipped]
        if answers:
            mends.append("Open the seeds in a browser and correct them: the server answers, but with no page")
        if refused:
            mends.append("Check hosts, allow and deny: they leave out what the seeds lead to")
        return StageFailure(what, "; ".join(mends) or "Choose other seeds")


def get_time_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
