"""The state of one crawl, and its decisions: the next URL, what is stored, when it ends. Independent of Scrapy."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event

from tasks.crawl.counters import Tally
from tasks.crawl.page import REVISIT_STATUS, CrawledPage, IndexRow
from tasks.crawl.web.budgets import Budget, BudgetTracker, BudgetUsage
from tasks.crawl.web.frontier import Frontier, FrontierEntry
from tasks.crawl.web.journal import CrawlJournal, JournalLine
from tasks.crawl.web.outages import FailedUrl, HostOutages, is_healable_status
from tasks.crawl.web.previous_snapshot import PreviousSnapshot
from tasks.crawl.web.reasons import (
    FETCHED_NOT_STORED,
    HEALABLE,
    LONG_CRAWL_DELAY,
    NETWORK,
    NO_HOST,
    NOT_MODIFIED_UNKNOWN,
    ROBOTS,
    WAIT_TOO_LONG,
)
from tasks.crawl.web.urls import Scope, get_host
from tasks.runtime.media_type import parse_media_type
from tasks.runtime.progress import progress

SITEMAP_LINE = "sitemap"  # stands for the URL in a journal line of listed pages


@dataclass(frozen=True)
class CrawlLimits:
    """The seeds and limits of a crawl, and the media types that it stores."""

    seeds: list[str]
    content_types: list[str]
    follow_seed_redirects: bool  # also to hosts that are not named: unless the user named hosts
    budget: Budget
    host_budget: Budget
    max_outage: float = 0.0  # seconds that a host that stops answering is waited for


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
        self.outages = HostOutages(self.frontier, limits.max_outage, previous.find_url_of_host)
        self.lost_sitemaps: dict[str, str] = {}  # URL → why it could not be read, where another run may
        self.error: Exception | None = None
        self.stopping = False
        self.interrupted = Event()  # set by another thread: the crawl ends soon, and is not finished
        self.on_hold = False  # while sitemaps are read: what is fetched must not depend on how long that takes
        self.stored_urls: set[str] = set()
        self.seed_lost = False  # the seed may lead to a host that no one named, so any page may still be in scope
        # Pages of the previous snapshot that no page links to any more; None until they are asked for, at the end.
        self.unlinked_urls: set[str] | None = None
        self.unanswered_rows: dict[str, FailedUrl] = {}  # stored answers, such as 503, that another run may better
        self.frontier.add(limits.seeds, 0)
        self._replay_journal()

    def _replay_journal(self) -> None:
        done: set[str] = set()
        fetched_at = 0
        for line in self.journal.read_lines():
            if (continued_at := line.get("continued_at")) is not None:
                # the rest of the journal is of the run that continues an incomplete artifact: it asks again for what
                # had no proper answer, and its clock does not count the time in between
                done -= self.unanswered_rows.keys()
                self.budgets.shift_start(continued_at - fetched_at)
                continue
            done.add(line["url"])
            entry = FrontierEntry(line["url"], line["depth"], line["hops"])
            self._add_links(entry, line["links"], redirect=line["redirect"])
            if (row := line.get("row")) is not None:
                fetched_at = row["fetched_at"]
                self._count_stored(row, line["bytes"])
                self._note_unanswered_row(entry, row["status"])
            elif "skipped" in line:
                self._count_skipped(line["url"], line["skipped"])
            self.tally.links.update(line.get("noted", {}))
        self.frontier.remove_done(done)
        for url in self.unanswered_rows.keys() & done:
            self.outages.add_lost(self.unanswered_rows[url])
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
            self.outages.record_answer(row["url"], is_page=True)
            self.stored_urls.add(row["url"])
            self.budgets.add(get_host(row["url"]), num_bytes, row["fetched_at"])

    def _note_unanswered_row(self, entry: FrontierEntry, status: int) -> None:
        if is_healable_status(status):
            self.unanswered_rows[entry.url] = FailedUrl(entry, f"status {status}")
        else:
            self.unanswered_rows.pop(entry.url, None)

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
        urls = (url for url in self.find_unanswered_pages() if url not in self.frontier.seen)
        self.unlinked_urls = set(self.frontier.add(list(urls), depth))

    def find_unanswered_pages(self) -> list[str]:
        """Return the pages of the previous snapshot of which no answer says what became of them."""
        scope = self.frontier.scope
        seed_lost = self.limits.follow_seed_redirects and (
            self.seed_lost or any(not failed.entry.depth for failed in self.outages.list_failed())
        )
        return [
            url
            for url in self.previous.find_unanswered()
            if seed_lost or scope.find_refusal(url, scope.max_depth) is None
        ]

    @property
    def has_pending(self) -> bool:
        """True while there is something to fetch or a host to wait for, and no limit is reached."""
        is_waiting = self.frontier.num_waiting > 0 or self.unlinked_urls is None or self.outages.num_suspected > 0
        return is_waiting and not self.stopping and self.budgets.total.find_reached_limit(get_time_ms()) is None

    def pop_entry(self) -> FrontierEntry | None:
        """Return the URL to fetch now, or None.

        URLs in flight count as pages until they turn out to be none, so that no limit is exceeded.
        """
        if self.on_hold or not self.has_pending:
            return None
        num_open = self.frontier.num_waiting + self.frontier.num_fetching + self.outages.num_suspected
        if self.unlinked_urls is None and not num_open:
            self._queue_unlinked()
        has_room = self.budgets.total.remaining_pages > self.frontier.num_fetching
        return self.frontier.pop() if has_room else None

    def wants_body(self, status: int, content_type: str | None) -> bool:
        """Return whether a body is worth reading; answers that are not pages are stored whatever their type."""
        media_type = parse_media_type(content_type)
        return status != 200 or not media_type or media_type in self.limits.content_types

    def store(
        self,
        entry: FrontierEntry,
        page: CrawledPage,
        links: list[str],
        *,
        redirect: bool,
        link_counts: Mapping[str, int] | None = None,
        is_exhausted: bool = True,
    ) -> None:
        """Write an answer to the WARC file and its links to the frontier.

        `link_counts` is that of `PageMarkup`, `is_exhausted` that of `FailedUrl`.
        """
        if is_healable_status(page.status) and (
            entry.url in self.unanswered_rows or self.outages.is_suspected(get_host(entry.url))
        ):
            self.record_unanswered(FailedUrl(entry, f"status {page.status}", is_exhausted=is_exhausted))
            return
        previous_row = self.previous.find_row(entry.url)
        if page.status == REVISIT_STATUS:
            if previous_row is None or previous_row["num_links"] is None:
                self.skip(entry, NOT_MODIFIED_UNKNOWN)
                return
            links = self.previous.read_links(previous_row)
        line = self._make_line(entry, links, link_counts, redirect=redirect)
        row = self.journal.store(page, line, previous_row, links, entry.via)
        self._count_stored(row, len(page.body))
        self._note_unanswered_row(entry, page.status)
        self.bar.update()
        if entry.url in self.unanswered_rows:
            self.record_unanswered(self.unanswered_rows[entry.url])
        else:
            self.outages.record_answer(entry.url, is_page=False)
            self._finish_entry(entry)

    def skip(
        self,
        entry: FrontierEntry,
        reason: str,
        links: Sequence[str] = (),
        *,
        redirect: bool = False,
        link_counts: Mapping[str, int] | None = None,
        is_exhausted: bool = True,
    ) -> None:
        """Count a URL that is not stored; `is_exhausted` is that of `FailedUrl`.

        Failures of the network are not journaled: a resumed crawl tries the URL again.
        """
        if self._is_healable(entry, reason):
            self.record_unanswered(FailedUrl(entry, reason, is_exhausted))
            return
        self._count_skipped(entry.url, reason)
        if reason in NETWORK:
            self.seed_lost |= not entry.depth
            self.outages.record_refusal(entry.url, reason, is_final=reason == LONG_CRAWL_DELAY)
        elif reason != ROBOTS:  # a resumed crawl reads robots.txt again, which may allow the URL by then
            self.outages.record_answer(entry.url, is_page=False)
            line = self._make_line(entry, list(links), link_counts, redirect=redirect)
            self.journal.append({**line, "skipped": reason})
        self._finish_entry(entry)

    def _is_healable(self, entry: FrontierEntry, reason: str) -> bool:
        # a name that was known a moment ago is lost by its name server, not by its owner
        return reason in HEALABLE or (reason == NO_HOST and self.outages.has_answered(get_host(entry.url)))

    def record_unanswered(self, failed: FailedUrl) -> None:
        """Note a URL that got no answer, and that this run or another may ask for again."""
        self.outages.record_failure(failed)
        if failed.reason == WAIT_TOO_LONG:
            self.outages.give_up(get_host(failed.entry.url), WAIT_TOO_LONG)
        self._finish_entry(failed.entry)

    def _make_line(
        self, entry: FrontierEntry, links: list[str], link_counts: Mapping[str, int] | None, *, redirect: bool
    ) -> JournalLine:
        """Put the links of a URL into the frontier, and return its journal line."""
        is_followed = redirect or entry.url not in (self.unlinked_urls or ())
        new_urls = self._add_links(entry, links, redirect=redirect) if is_followed else []
        self.tally.links.update(link_counts or {})
        line = JournalLine(url=entry.url, depth=entry.depth, hops=entry.hops, redirect=redirect, links=new_urls)
        return {**line, "noted": dict(link_counts)} if link_counts else line

    def _finish_entry(self, entry: FrontierEntry) -> None:
        self._close_if_limit_reached(get_host(entry.url))
        # after its links were added, which the next level waits for
        self.frontier.mark_done(entry)
        self.outages.check_end(get_host(entry.url))

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


def get_time_ms() -> int:
    """Return the current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
