"""Counters of a crawl: pages, bytes, status codes, hosts, and reasons for what was not stored."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tasks.crawl.page import REVISIT_STATUS, IndexRow

MAX_HOSTS = 100  # in counts and summary; the rest is summed up, or a large archive would swell the manifest
MAX_PLACES = 10  # of rows that are named one by one
NUM_SHOWN_QUEUES = 3  # in the progress line of a running crawl
OTHER_HOSTS = "(other hosts)"
REPEATED, UNCHANGED = "repeated", "unchanged"


class Tally:
    """Counts pages, bytes, status codes, hosts, and skipped URLs by reason."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.flaws: Counter[str] = Counter()  # stored pages that lack something, by what it is
        self.links: Counter[str] = Counter()  # links of pages that were left out or rewritten, by rule
        self.hosts: Counter[str] = Counter()
        self.host_bytes: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.queues: Counter[str] = Counter()  # waiting URLs by host
        self.unanswered: Counter[str] = Counter()  # URLs by host that another run asks for again
        self.num_dead = 0  # URLs without an answer that no run asks for again
        self.resumed = 0  # answers that a killed run had stored

    @property
    def pages(self) -> int:
        """Number of pages with a payload of their own: those that can be cleaned."""
        return self.statuses["200"]

    @property
    def answers(self) -> int:
        """Number of pages, including those whose payload was fetched before.

        A page limit counts these: a trap that serves one payload under endless URLs would never reach it otherwise.
        """
        return self.statuses["200"] + self.statuses[REPEATED] + self.statuses[UNCHANGED]

    def count_page(self, row: IndexRow, num_bytes: int) -> None:
        """Count a stored page by its index row and the size of its payload."""
        # a revisit of this crawl's own pages, and one of the previous snapshot's, have the same status in the index
        revisit = UNCHANGED if row["change"] == UNCHANGED else REPEATED
        self.statuses[revisit if row["status"] == REVISIT_STATUS else str(row["status"])] += 1
        if row["change"]:
            self.changes[row["change"]] += 1
        if row["status"] == 200:
            host = urlsplit(row["url"]).netloc or "(files)"
            self.hosts[host] += 1
            self.host_bytes[host] += num_bytes

    def count_skipped(self, reason: str, count: int = 1, *, place: str = "") -> None:
        """Count URLs, records or rows that were not stored, by the reason; `place` names the row, for those who ask."""
        del place
        if count:
            self.skipped[reason] += count

    def count_flaws(self, flaws: Iterable[str]) -> None:
        """Count what a stored page lacks, such as the end of its body."""
        self.flaws.update(flaws)

    def format_line(self) -> str:
        """Return the counts in one line: `200: 90, 404: 3; 1.2 MB; refused by robots.txt: 4; 12 wait (x.org: 12)`."""
        parts = [format_counts(dict(self.statuses.most_common())), f"{self.host_bytes.total() / 1e6:,.1f} MB"]
        if self.skipped:
            parts.append(format_counts(dict(self.skipped.most_common())))
        longest = {host: count for host, count in self.queues.most_common(NUM_SHOWN_QUEUES) if count}
        parts.append(f"{self.queues.total():,} wait" + (f" ({format_counts(longest)})" if longest else ""))
        return "; ".join(parts)

    def merge(self, counts: dict[str, Any]) -> None:
        """Add the counts of a shard."""
        self.statuses.update(counts["statuses"])
        self.changes.update(counts["changes"])
        self.skipped.update(counts["skipped"])
        # a shard that an earlier version finished, before a kill, has no such counts
        self.flaws.update(counts.get("flaws", {}))
        self.links.update(counts["links"])
        for host, host_counts in counts["hosts"].items():
            self.hosts[host] += host_counts["pages"]
            self.host_bytes[host] += host_counts["bytes"]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types, the largest first; hosts beyond MAX_HOSTS are summed up."""
        # what shards have summed up already goes last, however much it is
        ranked = sorted(self.hosts, key=lambda host: (host == OTHER_HOSTS, -self.hosts[host], host))
        shown, rest = ranked[:MAX_HOSTS], ranked[MAX_HOSTS:]
        hosts = {host: {"pages": self.hosts[host], "bytes": self.host_bytes[host]} for host in shown}
        if rest:
            hosts[OTHER_HOSTS] = {
                "pages": sum(self.hosts[host] for host in rest),
                "bytes": sum(self.host_bytes[host] for host in rest),
            }
        return {
            "pages": self.pages,
            "bytes": self.host_bytes.total(),
            "statuses": dict(sorted(self.statuses.items())),
            "changes": dict(sorted(self.changes.items())),
            "skipped": dict(sorted(self.skipped.items(), key=lambda item: (-item[1], item[0]))),
            "flaws": dict(sorted(self.flaws.items(), key=lambda item: (-item[1], item[0]))),
            "links": dict(sorted(self.links.items(), key=lambda item: (-item[1], item[0]))),
            "hosts": hosts,
            "unanswered": dict(self.unanswered.most_common(MAX_HOSTS)),
            "dead": self.num_dead,
            "queues": {host: count for host, count in self.queues.most_common(MAX_HOSTS) if count},
        }


class TracingTally(Tally):
    """Counters that also keep which rows were not stored, and why, of the first ones."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def count_skipped(self, reason: str, count: int = 1, *, place: str = "") -> None:
        """Count what was not stored, and keep its place."""
        super().count_skipped(reason, count)
        if count and len(self.places) < MAX_PLACES:
            self.places.append(f"{place}: {reason}" if place else reason)

    def describe_rows(self) -> str:
        """Return how many rows were not stored, which, and why; empty where all were."""
        num_rows = self.skipped.total()
        more = f"; and {num_rows - len(self.places):,} more" if num_rows > len(self.places) else ""
        return f"{num_rows:,} of its rows ({'; '.join(self.places)}{more})" if num_rows else ""


def format_counts(counts: dict[str, int]) -> str:
    """Format counts in one line: `{"404": 3, "robots": 2}` → `404: 3, robots: 2`."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "nothing"
