"""The state of one crawl, and its decisions: the next URL, what is stored, when it ends. Independent of Scrapy."""

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

SITEMAP_LINE = "sitemap"  # stands for the URL in a journal line of listed pages
BUSY_STATUSES = (429, 503)
MAX_FAILURES = 5  # URLs of a host in a row that failed in spite of their retries; then the host is given up


@dataclass(frozen=True)
class CrawlLimits:
    """The seeds and limits of a crawl, and the media types that it stores."""

    seeds: list[str]
    content_types: list[str]
    follow_seed_redirects: bool  # also to hosts that are not named: unless the user named hosts
    budget: Budget
    host_budget: Budget


class CrawlState:
    """The state of one crawl. A journal with lines puts it back to where a killed run was."""

    def __init__(
        self,
        limits: CrawlLimits,
        scope: Scope,
        max_per_host: int,
        journal: CrawlJournal,
        previous: PreviousSnapshot,
        bar: progress,
    ) -> None:
        self.limits, self.journal, self.previous, self.bar = limits, journal, previous, bar
        self.budgets = BudgetTracker(BudgetUsage(limits.budget), limits.host_budget)
        self.frontier = Frontier(scope, max_per_host, self.budgets.get_remaining_pages)
        self.tally = Tally()
        self.failures: Counter[str] = Counter()  # in a row, by host
        self.error: Exception | None = None
        self.stopping = False
        self.interrupted = Event()  # set by another thread: the crawl ends soon, and is not finished
        self.on_hold = False  # while sitemaps are read: what is fetched must not depend on how long that takes
        self.stored_urls: set[str] = set()
        self.seed_lost = False  # the seed may lead to a host that no one named, so any page may still be in scope
        # Pages of the previous snapshot that no page links to any more; None until they are asked for, at the end.
        self.unlinked_urls: set[str] | None = None
        self.frontier.add(limits.seeds, 0)
        self._replay_journal()

    def _replay_journal(self) -> None:
        done: set[str] = set()
        for line in self.journal.read_lines():
            done.add(line["url"])
            entry = FrontierEntry(line["url"], line["depth"], line["hops"])
            self._add_links(entry, line["links"], redirect=line["redirect"])
            if (row := line.get("row")) is not None:
                self._count_stored(row, line["bytes"])
            elif "skipped" in line:
                self._count_skipped(line["url"], line["skipped"])
            self.tally.links.update(line.get("noted", {}))
        self.frontier.remove_done(done)
        for host in list(self.budgets.hosts):
            self._close_if_limit_reached(host)
        self.tally.resumed = self.tally.answers

    def _add_links(self, entry: FrontierEntry, links: list[str], *, redirect: bool) -> list[str]:
        if redirect and not entry.depth and self.limits.follow_seed_redirects:
            self.frontier.scope.hosts.update(get_host(link) for link in links)
        depth, hops = (entry.depth, entry.hops + 1) if redirect else (entry.depth + 1, 0)
        return self.frontier.add(links, depth, hops, entry.url)

    def add_listed_pages(self, urls: list[str]) -> None:
        """Put the pages that a sitemap lists into the frontier, as if the seeds linked to them.

        They are journaled too: when a crawl is resumed, the sitemap may be gone.
        """
        if new_urls := self.frontier.add(urls, 1):
            self.journal.append(JournalLine(url=SITEMAP_LINE, depth=0, hops=0, redirect=False, links=new_urls))

    def _count_stored(self, row: IndexRow, num_bytes: int) -> None:
        self.tally.count_page(row, num_bytes)
        if row["change"]:
            self.previous.mark_answered(row["url"])
        if row["status"] in (200, REVISIT_STATUS):
            self.stored_urls.add(row["url"])
            self.budgets.add(get_host(row["url"]), num_bytes, row["fetched_at"])

    def _count_skipped(self, url: str, reason: str) -> None:
        self.tally.count_skipped(reason)
        if reason in FETCHED_NOT_STORED:
            self.budgets.add(get_host(url), 0, get_time_ms())
            if self.previous.mark_answered(url):
                self.tally.changes["withdrawn"] += 1

    def _close_if_limit_reached(self, host: str) -> None:
        if limit := self.budgets.get_host_usage(host).find_reached_limit(get_time_ms()):
            self.frontier.close(host, f"{limit} of a host")

    def _queue_unlinked(self) -> None:
        """Queue known pages that are no longer linked: they may be gone.

        They are no longer part of the site, so their own links are not followed.
        """
        depth = self.frontier.scope.max_depth
        urls = (url for url in self._find_unanswered() if url not in self.frontier.seen)
        self.unlinked_urls = set(self.frontier.add(list(urls), depth))

    def _find_unanswered(self) -> list[str]:
        scope = self.frontier.scope
        return [
            url
            for url in self.previous.find_unanswered()
            if self.seed_lost or scope.find_refusal(url, scope.max_depth) is None
        ]

    @property
    def has_pending(self) -> bool:
        """True while there is something to fetch and no limit is reached."""
        is_waiting = self.frontier.num_waiting > 0 or self.unlinked_urls is None
        return is_waiting and not self.stopping and self.budgets.total.find_reached_limit(get_time_ms()) is None

    def pop_entry(self) -> FrontierEntry | None:
        """Return the URL to fetch now, or None.

        URLs in flight count as pages until they turn out to be none, so that no limit is exceeded.
        """
        if self.on_hold or not self.has_pending:
            return None
        if self.unlinked_urls is None and not self.frontier.num_waiting and not self.frontier.num_fetching:
            self._queue_unlinked()
        has_room = self.budgets.total.remaining_pages > self.frontier.num_fetching
        return self.frontier.pop() if has_room else None

    def wants_body(self, status: int, content_type: str | None) -> bool:
        """Return whether a body is worth reading; answers that are not pages are stored whatever their type."""
        return status != 200 or not content_type or parse_media_type(content_type) in self.limits.content_types

    def store(
        self,
        entry: FrontierEntry,
        page: CrawledPage,
        links: list[str],
        *,
        redirect: bool,
        link_counts: Mapping[str, int] | None = None,
    ) -> None:
        """Write an answer to the WARC file and its links to the frontier. `link_counts` is that of `PageMarkup`."""
        previous_row = self.previous.find_row(entry.url)
        if page.status == REVISIT_STATUS:
            if previous_row is None or previous_row["num_links"] is None:
                self.skip(entry, NOT_MODIFIED_UNKNOWN)
                return
            links = self.previous.read_links(previous_row)
        line = self._make_line(entry, links, link_counts, redirect=redirect)
        row = self.journal.store(page, line, previous_row, links, entry.via)
        self._count_stored(row, len(page.body))
        self._count_failures(entry, failures=int(page.status in BUSY_STATUSES))
        self.bar.update()
        self._finish_entry(entry)

    def skip(
        self,
        entry: FrontierEntry,
        reason: str,
        links: Sequence[str] = (),
        *,
        redirect: bool = False,
        link_counts: Mapping[str, int] | None = None,
    ) -> None:
        """Count a URL that is not stored.

        Failures of the network are not journaled: a resumed crawl tries the URL again.
        """
        self._count_skipped(entry.url, reason)
        if reason in NETWORK:
            self._count_failures(entry, failures=1)
            self.seed_lost |= not entry.depth and self.limits.follow_seed_redirects
            if reason == WAIT_TOO_LONG:
                self.frontier.close(get_host(entry.url), WAIT_TOO_LONG)
        elif reason != ROBOTS:  # a resumed crawl reads robots.txt again, which may allow the URL by then
            self._count_failures(entry, failures=0)
            line = self._make_line(entry, list(links), link_counts, redirect=redirect)
            self.journal.append({**line, "skipped": reason})
        self._finish_entry(entry)

    def _make_line(
        self, entry: FrontierEntry, links: list[str], link_counts: Mapping[str, int] | None, *, redirect: bool
    ) -> JournalLine:
        """Put the links of a URL into the frontier, and return its journal line."""
        is_followed = redirect or entry.url not in (self.unlinked_urls or ())
        new_urls = self._add_links(entry, links, redirect=redirect) if is_followed else []
        self.tally.links.update(link_counts or {})
        line = JournalLine(url=entry.url, depth=entry.depth, hops=entry.hops, redirect=redirect, links=new_urls)
        return {**line, "noted": dict(link_counts)} if link_counts else line

    def _count_failures(self, entry: FrontierEntry, *, failures: int) -> None:
        """Count failures of a host in a row, and give the host up when there are too many; an answer resets them."""
        host = get_host(entry.url)
        self.failures[host] = self.failures[host] + failures if failures else 0
        if self.failures[host] >= MAX_FAILURES:
            self.tally.count_skipped(GAVE_UP, self.frontier.drop_waiting(host))

    def _finish_entry(self, entry: FrontierEntry) -> None:
        self._close_if_limit_reached(get_host(entry.url))
        # after its links were added, which the next level waits for
        self.frontier.mark_done(entry)

    def show_progress(self) -> None:
        """Show the current counts beside the progress bar."""
        self.tally.queues = Counter({name: len(host.waiting) for name, host in self.frontier.hosts.items()})
        self.bar.set_postfix(self.tally.format_line())

    def fail(self, error: Exception) -> None:
        """End the crawl with an error of this machine, such as a full disk."""
        self.error = self.error or error
        self.stopping = True

    def save(self) -> str:
        """Save what an interrupted crawl has, from which the next one resumes; return a sentence about it."""
        self.journal.commit()
        self.journal.close()
        num_waiting = self.frontier.num_waiting + self.frontier.num_fetching
        return f"answers kept: {self.tally.answers:,}, known URLs that wait: {num_waiting:,}"

    def finish(self, draft: Draft) -> Tally:
        """Write the index of the crawl, and return its counts.

        Raises the error that ended the crawl, StageFailure when there is no page, and Transient when the network failed
        for more URLs than it answered.
        """
        if self.error is not None:
            self.journal.close()
            raise self.error
        self.journal.commit()
        skipped = self.tally.skipped
        num_lost = sum(skipped[reason] for reason in (*NETWORK, GAVE_UP))
        if not self.tally.answers:
            self.journal.delete()
            raise self._explain_empty_crawl()
        if num_lost > self.tally.answers:
            self.journal.close()
            raise Transient(
                f"the network went away: {self.tally.answers:,} pages were fetched, {num_lost:,} URLs were not "
                f"({format_counts(dict(skipped))})",
                "Start the same command again when the hosts answer: it resumes with the pages that it has",
            )
        self.tally.skipped.update(self.frontier.refused)
        limit = self.budgets.total.find_reached_limit(get_time_ms()) or PAGE_LIMIT
        self.tally.count_skipped(limit, self.frontier.num_waiting)
        self.journal.finish(draft)
        if unanswered := self._find_unanswered():
            self.previous.carry_over(draft, unanswered)
            self.tally.changes["unanswered"] = len(unanswered)
        return self.tally

    def _explain_empty_crawl(self) -> StageFailure:
        answers = {status: count for status, count in self.tally.statuses.items() if count}
        skipped = dict(self.tally.skipped.most_common())
        refused = dict(self.frontier.refused)
        reasons = {**{f"status {status}": count for status, count in answers.items()}, **skipped, **refused}
        message = f"no page was fetched from {', '.join(self.limits.seeds)} ({format_counts(reasons)})"
        network = {reason for reason in skipped if reason in NETWORK}
        if network and network <= set(TRANSIENT) and not answers:
            return Transient(message, "Check the network: the hosts cannot be reached from here")
        hints = [hint for reason, hint in HINTS.items() if reason in skipped]
        if answers:
            hints.append("Open the seeds in a browser and correct them: the server answers, but with no page")
        if refused:
            hints.append("Check hosts, allow and deny: they leave out what the seeds lead to")
        return StageFailure(message, "; ".join(hints) or "Choose other seeds")


def get_time_ms() -> int:
    """Return the current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
