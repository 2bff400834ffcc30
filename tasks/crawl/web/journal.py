"""What a crawl has stored, safe against kill -9 at any moment.

Pages go to WARC files, and one journal line each to `frontier.jsonl`: the index row and the new links. A commit syncs
the WARC file first and writes the journal lines then, so a line in the journal means that its page is on disk whole.
A restart cuts off the WARC what no line speaks of, and reads seen and fetched URLs from the journal.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

from tasks.crawl.page import CrawledPage, IndexRow
from tasks.crawl.records import PayloadOrigin
from tasks.crawl.shard import PayloadOrigins, WarcShard, make_index_name, write_index
from tasks.crawl.sizes import ShardSize
from tasks.store.draft import Draft, fsync_path

BATCH_LINES = 32  # pages at most that a kill makes the crawl fetch again


class JournalLine(TypedDict):
    """One journal line: a URL that is done with, or the pages that a sitemap lists."""

    url: str
    depth: int
    hops: int
    redirect: bool  # its links are where it moved to
    links: list[str]  # seen for the first time on this page
    row: NotRequired[IndexRow]  # its index row, when it was stored
    bytes: NotRequired[int]  # of its payload
    end: NotRequired[int]  # of the WARC file behind its records
    skipped: NotRequired[str]  # why it was not stored
    noted: NotRequired[dict[str, int]]  # links of the page that were left out or rewritten, by rule


class CrawlJournal:
    """The WARC files and the journal of one crawl."""

    def __init__(self, draft: Draft, size: ShardSize) -> None:
        self.folder, self.limits = draft.path, size
        self.journal = draft.scratch / "frontier.jsonl"
        self.pending: list[JournalLine] = []
        self.firsts: PayloadOrigins = {}
        self.in_shard = 0
        self.last: IndexRow | None = None
        self.end = 0  # of the WARC file behind the records of the last row
        self.num_stored = 0  # answers
        self._cut_torn_line()
        for line in self.lines():
            self._known(line)
        self._remove_uncommitted()
        number = int(Path(self.last["warc"]).name.split(".")[0]) if self.last else 0
        self.shard = WarcShard(self.folder, number, self.firsts, self.end)
        self.file = self.journal.open("ab")
        fsync_path(self.journal.parent)
        fsync_path(self.folder / "warc")

    def _cut_torn_line(self) -> None:
        if self.journal.exists():
            with self.journal.open("rb") as journal:
                whole = sum(len(line) for line in journal if line.endswith(b"\n"))
            os.truncate(self.journal, whole)

    def lines(self) -> Iterator[JournalLine]:
        """All that is committed."""
        if self.journal.exists():
            with self.journal.open("rb") as journal:
                for line in journal:
                    yield json.loads(line)

    def _known(self, line: JournalLine) -> None:
        if (row := line.get("row")) is not None:
            self.in_shard = self.in_shard + 1 if self.last and self.last["warc"] == row["warc"] else 1
            self.last, self.end = row, line["end"]
            self.num_stored += 1
            if line["bytes"] and row["refers_to"] is None:
                self.firsts[row["digest"]] = PayloadOrigin(row["url"], row["fetched_at"])

    def _remove_uncommitted(self) -> None:
        for path in (self.folder / "warc").glob("*.warc.gz"):
            if self.last is None or path.name > Path(self.last["warc"]).name:
                path.unlink()

    def store(
        self, page: CrawledPage, line: JournalLine, known: IndexRow | None, links: list[str], via: str
    ) -> IndexRow:
        """Append a page; it counts when it is committed. The arguments after the line are those of `Shard.add`."""
        if self.in_shard >= self.limits.pages or self.shard.size >= self.limits.megabytes << 20:
            self._roll()
        row = self.shard.add(page, known, links, via)
        self.in_shard += 1
        self.note({**line, "row": row, "bytes": len(page.body), "end": self.shard.size})
        return row

    def note(self, line: JournalLine) -> None:
        """Append a line; commits when a batch is full."""
        self.pending.append(line)
        if len(self.pending) >= BATCH_LINES:
            self.commit()

    def commit(self) -> None:
        """Sync the WARC file, then the journal."""
        if self.pending:
            self.shard.sync()
            self.file.write(b"".join(json.dumps(line).encode() + b"\n" for line in self.pending))
            self.file.flush()
            os.fsync(self.file.fileno())
            self.pending.clear()

    def _roll(self) -> None:
        self.commit()
        self.shard.file.close()
        self.shard = WarcShard(self.folder, self.shard.number + 1, self.firsts)
        self.in_shard = 0
        fsync_path(self.folder / "warc")

    def finish(self, draft: Draft) -> None:
        """Write the index of each WARC file."""
        self.commit()
        self.close()
        rows: list[IndexRow] = []
        for line in self.lines():
            if (row := line.get("row")) is not None:
                if rows and rows[-1]["warc"] != row["warc"]:
                    self._write_index(draft, rows)
                    rows = []
                rows.append(row)
        self._write_index(draft, rows)

    def _write_index(self, draft: Draft, rows: list[IndexRow]) -> None:
        number = int(Path(rows[0]["warc"]).name.split(".")[0])
        with draft.write(make_index_name(number)) as path:
            write_index(path, rows)

    def close(self) -> None:
        """Let go of the files."""
        self.file.close()
        self.shard.file.close()

    def wipe(self) -> None:
        """Forget everything: a crawl without a page has nothing to go on from."""
        self.close()
        self.journal.unlink(missing_ok=True)
        for path in (self.folder / "warc").glob("*.warc.gz"):
            path.unlink()
