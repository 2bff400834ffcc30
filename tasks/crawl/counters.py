"""What a crawl counts."""

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from tasks.crawl.page import REVISIT_STATUS, IndexRow

MAX_HOSTS = 100  # in counts and summary; the rest is summed up, or a large archive would swell the manifest
NUM_SHOWN_QUEUES = 3  # in the line that is shown while a crawl runs
OTHER_HOSTS = "(other hosts)"
REPEATED, UNCHANGED = "repeated", "unchanged"


class Tally:
    """Counts pages, bytes, status codes, hosts, and what was skipped by reason."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.links: Counter[str] = Counter()  # that pages have and that were left out or rewritten, by rule
        self.hosts: Counter[str] = Counter()
        self.host_bytes: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.queues: Counter[str] = Counter()  # URLs that wait, by host
        self.resumed = 0  # answers that a killed run had stored

    @property
    def pages(self) -> int:
        """Pages with a payload of their own: what can be cleaned."""
        return self.statuses["200"]

    @property
    def answers(self) -> int:
        """Pages, with those whose payload was fetched before: what a page limit counts, or a trap would have no end."""
        return self.statuses["200"] + self.statuses[REPEATED] + self.statuses[UNCHANGED]

    def add(self, row: IndexRow, num_bytes: int) -> None:
        """A page was stored, with a payload of so many bytes."""
        repeats = UNCHANGED if row["change"] == UNCHANGED else REPEATED
        self.statuses[repeats if row["status"] == REVISIT_STATUS else str(row["status"])] += 1
        if row["change"]:
            self.changes[row["change"]] += 1
        if row["status"] == 200:
            host = urlsplit(row["url"]).netloc or "(files)"
            self.hosts[host] += 1
            self.host_bytes[host] += num_bytes

    def skip(self, reason: str, count: int = 1) -> None:
        """So many were not stored."""
        if count:
            self.skipped[reason] += count

    def line(self) -> str:
        """How it goes, in a line: `200: 90, 404: 3; 1.2 MB; refused by robots.txt: 4; 12 wait (x.org: 12)`."""
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
        self.links.update(counts["links"])
        for host, of_host in counts["hosts"].items():
            self.hosts[host] += of_host["pages"]
            self.host_bytes[host] += of_host["bytes"]

    def counts(self) -> dict[str, Any]:
        """As JSON, the largest first."""
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
            "skipped": dict(sorted(self.skipped.items(), key=lambda entry: (-entry[1], entry[0]))),
            "links": dict(sorted(self.links.items(), key=lambda entry: (-entry[1], entry[0]))),
            "hosts": hosts,
            "queues": {host: count for host, count in self.queues.most_common(MAX_HOSTS) if count},
        }


def format_counts(counts: dict[str, int]) -> str:
    """`{"404": 3, "robots": 2}` → `404: 3, robots: 2`."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "nothing"
