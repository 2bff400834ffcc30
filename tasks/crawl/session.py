"""One crawl of the web as decisions: what is fetched next, what is kept, when it ends. Knows nothing of Scrapy."""

from collections import Counter
from dataclasses import dataclass

from tasks.crawl.frontier import Entry, Frontier
from tasks.crawl.ledger import Ledger, Line
from tasks.crawl.page import Page, media_type
from tasks.crawl.tally import Tally, spoken
from tasks.crawl.urls import Scope, host_of
from tasks.failure import StageFailure, Transient
from tasks.progress import progress

# Why a URL was not fetched. The first four may heal by waiting, so a run that goes on tries those URLs again.
TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN = "timeout", "unreachable", "name service is silent", "connection broke"
HEALS = (TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN)
REFUSED, NO_HOST, CERTIFICATE = "connection refused", "no such host", "bad certificate"
NETWORK = (*HEALS, REFUSED, NO_HOST, CERTIFICATE)
ROBOTS, TOO_LARGE, WRONG_TYPE, PACKED = "refused by robots.txt", "too large", "content type", "cannot be unpacked"
GAVE_UP = "host gave no answer"
GIVE_UP_AFTER = 5  # URLs of a host in a row that failed in spite of their retries

MENDS = {
    ROBOTS: "The site does not want to be crawled by this user agent: ask its owner, or choose other seeds",
    NO_HOST: "Check the spelling of the seeds",
    REFUSED: "Check that the server runs, and the port in the seeds",
    CERTIFICATE: "Mend the certificate, or set verify_certificates to false if you trust the host",
    TOO_LARGE: "Raise max_megabytes",
    WRONG_TYPE: "Add the type to content_types, or choose seeds that are HTML pages",
}


@dataclass(frozen=True)
class Limits:
    """What ends a crawl, and what it keeps."""

    seeds: list[str]
    max_pages: int
    content_types: list[str]
    follow_seed_redirects: bool  # to hosts that are not named: yes unless the user named hosts


class Session:
    """The state of one crawl. A restart gives it a ledger with lines, and it goes on from them."""

    def __init__(self, limits: Limits, scope: Scope, per_host: int, ledger: Ledger, bar: progress) -> None:
        self.limits, self.ledger, self.bar = limits, ledger, bar
        self.frontier = Frontier(scope, per_host)
        self.tally = Tally()
        self.streak: Counter[str] = Counter()
        self.error: Exception | None = None
        self.stopping = False
        self.frontier.discover(limits.seeds, 0)
        self._replay()

    def _replay(self) -> None:
        done: set[str] = set()
        for line in self.ledger.lines():
            done.add(line["url"])
            self._discover(Entry(line["url"], line["depth"], line["hops"]), line["links"], redirect=line["redirect"])
            if (row := line.get("row")) is not None:
                self.tally.add(row, line["bytes"])
            else:
                self.tally.skip(line["skipped"])
        self.frontier.forget_done(done)
        self.bar.update(self.tally.answers)

    def _discover(self, entry: Entry, links: list[str], *, redirect: bool) -> list[str]:
        if redirect and not entry.depth and self.limits.follow_seed_redirects:
            self.frontier.scope.hosts.update(host_of(link) for link in links)
        depth, hops = (entry.depth, entry.hops + 1) if redirect else (entry.depth + 1, 0)
        return self.frontier.discover(links, depth, hops)

    @property
    def pending(self) -> bool:
        """Whether there is something left to fetch."""
        return not self.stopping and self.tally.answers < self.limits.max_pages and self.frontier.num_waiting > 0

    def next(self) -> Entry | None:
        """The URL to fetch now. Those in flight count as pages until they turn out not to be: no limit is passed."""
        room = self.limits.max_pages - self.tally.answers - self.frontier.num_fetching
        return self.frontier.take() if room > 0 and not self.stopping else None

    def wants(self, status: int, content_type: str | None) -> bool:
        """Whether a body is worth reading: an answer that is not a page is kept whatever it is."""
        return status != 200 or not content_type or media_type(content_type) in self.limits.content_types

    def store(self, entry: Entry, page: Page, links: list[str], *, redirect: bool) -> None:
        """The answer goes into the WARC file, its links into the frontier."""
        new = self._discover(entry, links, redirect=redirect)
        row = self.ledger.store(page, line_of(entry, new, redirect=redirect))
        self.tally.add(row, len(page.body))
        self.streak[host_of(entry.url)] = 0
        self.bar.update()
        self.bar.note(f"{self.frontier.num_waiting:,} wait")
        self.frontier.settle(entry)

    def skip(self, entry: Entry, reason: str) -> None:
        """Nothing is stored. What the network did is not journaled: a crawl that goes on tries the URL again."""
        self.tally.skip(reason)
        host = host_of(entry.url)
        if reason in NETWORK:
            self.streak[host] += 1
            if self.streak[host] >= GIVE_UP_AFTER:
                self.tally.skip(GAVE_UP, self.frontier.give_up(host))
        elif reason != ROBOTS:  # robots.txt is read again anyway, and may allow by then
            self.streak[host] = 0
            self.ledger.note({**line_of(entry, [], redirect=False), "skipped": reason})
        self.frontier.settle(entry)

    def fail(self, error: Exception) -> None:
        """An error of ours, such as a full disk, ends the crawl."""
        self.error = self.error or error
        self.stopping = True

    def finish(self) -> Tally:
        """What was crawled. Raises what went wrong, or that there is nothing."""
        if self.error is not None:
            self.ledger.close()
            raise self.error
        self.ledger.commit()
        skipped = self.tally.skipped
        lost = sum(skipped[reason] for reason in (*NETWORK, GAVE_UP))
        if not self.tally.pages:
            self.ledger.wipe()
            raise self._nothing()
        if lost > self.tally.answers:
            self.ledger.close()
            raise Transient(
                f"the network went away: {self.tally.answers:,} pages were fetched, {lost:,} URLs were not "
                f"({spoken(dict(skipped))})",
                "Start the same command again when the hosts answer: it goes on from the pages that it has",
            )
        self.tally.skipped.update(self.frontier.refused)
        self.tally.skip("page limit", self.frontier.num_waiting)
        return self.tally

    def _nothing(self) -> StageFailure:
        answers = {status: count for status, count in self.tally.statuses.items() if count}
        skipped = dict(self.tally.skipped.most_common())
        refused = dict(self.frontier.refused)
        reasons = {**{f"status {status}": count for status, count in answers.items()}, **skipped, **refused}
        what = f"no page was fetched from {', '.join(self.limits.seeds)} ({spoken(reasons)})"
        network = {reason for reason in skipped if reason in NETWORK}
        if network and network <= set(HEALS) and not answers:
            return Transient(what, "Check the network: the hosts cannot be reached from here")
        mends = [mend for reason, mend in MENDS.items() if reason in skipped]
        if answers:
            mends.append("Open the seeds in a browser and correct them: the server answers, but with no page")
        if refused:
            mends.append("Check hosts, allow and deny: they leave out what the seeds lead to")
        return StageFailure(what, "; ".join(mends) or "Choose other seeds")


def line_of(entry: Entry, links: list[str], *, redirect: bool) -> Line:
    return Line(url=entry.url, depth=entry.depth, hops=entry.hops, redirect=redirect, links=links)
