"""What a crawl counts, and how it is shown."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tasks.crawl.page import REPEATED, Row

MOST_HOSTS = 100  # in counts and summary; the rest is summed up, or a large archive would swell the manifest
OTHERS = "(other hosts)"
REPEATS = "repeated"


class Tally:
    """Counts pages, bytes, status codes, hosts, and what was skipped by reason."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.hosts: Counter[str] = Counter()
        self.host_bytes: Counter[str] = Counter()

    @property
    def pages(self) -> int:
        """Pages with a payload of their own: what can be cleaned."""
        return self.statuses["200"]

    @property
    def answers(self) -> int:
        """Pages, with those whose payload repeats another's: what a page limit counts, or a trap would have no end."""
        return self.statuses["200"] + self.statuses[REPEATS]

    def add(self, row: Row, num_bytes: int) -> None:
        """A page was stored, with a payload of so many bytes."""
        self.statuses[REPEATS if row["status"] == REPEATED else str(row["status"])] += 1
        if row["status"] == 200:
            host = urlsplit(row["url"]).netloc or "(files)"
            self.hosts[host] += 1
            self.host_bytes[host] += num_bytes

    def skip(self, reason: str, count: int = 1) -> None:
        """So many were not stored."""
        if count:
            self.skipped[reason] += count

    def merge(self, counts: dict[str, Any]) -> None:
        """Add the counts of a shard."""
        self.statuses.update(counts["statuses"])
        self.skipped.update(counts["skipped"])
        for host, of_host in counts["hosts"].items():
            self.hosts[host] += of_host["pages"]
            self.host_bytes[host] += of_host["bytes"]

    def counts(self) -> dict[str, Any]:
        """As JSON, the largest first."""
        ranked = sorted(self.hosts, key=lambda host: (host == OTHERS, -self.hosts[host], host))
        shown, rest = ranked[:MOST_HOSTS], ranked[MOST_HOSTS:]
        hosts = {host: {"pages": self.hosts[host], "bytes": self.host_bytes[host]} for host in shown}
        if rest:
            hosts[OTHERS] = {
                "pages": sum(self.hosts[host] for host in rest),
                "bytes": sum(self.host_bytes[host] for host in rest),
            }
        return {
            "pages": self.pages,
            "bytes": self.host_bytes.total(),
            "statuses": dict(sorted(self.statuses.items())),
            "skipped": dict(sorted(self.skipped.items(), key=lambda entry: (-entry[1], entry[0]))),
            "hosts": hosts,
        }


def spoken(counts: dict[str, int]) -> str:
    """`{"404": 3, "robots": 2}` → `404: 3, robots: 2`."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "nothing"


def summary(counts: dict[str, Any], snapshot: str) -> str:
    """The counts as Markdown tables."""
    parts = [f"# Crawl of {snapshot}", f"{counts['pages']:,} pages, {counts['bytes'] / 1e6:,.1f} MB of payload."]
    parts.append(table(("status", "answers"), [(name, f"{n:,}") for name, n in counts["statuses"].items()]))
    if counts["skipped"]:
        parts.append(table(("not stored because", "URLs"), [(name, f"{n:,}") for name, n in counts["skipped"].items()]))
    hosts = [(host, f"{n['pages']:,}", f"{n['bytes'] / 1e6:,.2f}") for host, n in counts["hosts"].items()]
    parts.append(table(("host", "pages", "MB"), hosts))
    return "\n\n".join(parts) + "\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, first column left, the others right."""
    rule = ("---",) + ("---:",) * (len(head) - 1)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [head, rule, *rows])
