"""The journal of a crawl: everything that it has stored, safe against kill -9 at any moment.

Pages go to WARC files, and one journal line each to `frontier.jsonl`: the index row and the new links. A commit syncs
the WARC file first and writes the journal lines then, so a line in the journal means that its page is completely on
disk. A restart cuts off everything in the WARC file that no line mentions, and reads seen and fetched URLs from the
journal. What was damaged since then is left out, and fetched again: see journal_repair.py.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from tasks.crawl.page import CrawledPage, IndexRow
from tasks.crawl.records import PayloadOrigin
from tasks.crawl.shard import PayloadOrigins, WarcShard, make_index_name, write_index
from tasks.crawl.sizes import ShardSize
from tasks.crawl.web.journal_repair import repair_journal
from tasks.store.checksum import format_line, parse_line
from tasks.store.draft import Draft, fsync_path

JOURNAL_NAME = "frontier.jsonl"
BATCH_LINES = 32  # in one commit: the maximum number of pages that a kill makes the crawl fetch again


class JournalLine(TypedDict):
    """A line of the journal: a URL that is done with, or the pages that a sitemap lists."""

    url: str
    depth: int
    hops: int
    redirect: bool  # the links are the target of a redirect
    links: list[str]  # seen for the first time on this page
    row: NotRequired[IndexRow]  # the index row, when the page was stored
    bytes: NotRequired[int]  # size of the payload
    start: NotRequired[int]  # offset in the WARC file of the page's records
    end: NotRequired[int]  # offset in the WARC file behind the page's records
    crc: NotRequired[int]  # CRC-32 of what lies between
    skipped: NotRequired[str]  # the reason why the page was not stored
    noted: NotRequired[dict[str, int]]  # links of the page that were left out or rewritten, by rule
    continued_at: NotRequired[int]  # no URL: from here on a later run continues, since this time (ms since 1970)
    checksum: NotRequired[str]  # of the line: see `format_line`


class CrawlJournal:
    """The WARC files and the journal of one crawl. On a draft with a journal it continues behind the last line."""

    def __init__(self, draft: Draft, size: ShardSize) -> None:
        self.folder, self.shard_size = draft.path, size
        self.path = draft.scratch / JOURNAL_NAME
        self.pending_lines: list[JournalLine] = []
        self.origins: PayloadOrigins = {}
        self.num_in_shard = 0
        self.last_row: IndexRow | None = None
        self.end = 0  # offset in the WARC file behind the records of the last row
        self.num_stored = 0  # answers
        self._cut_torn_line()
        repair_journal(self.path, self.folder)
        for line in self.read_lines():
            self._restore(line)
        self._remove_uncommitted()
        number = int(Path(self.last_row["warc"]).name.split(".")[0]) if self.last_row else 0
        self.shard = WarcShard(self.folder, number, self.origins, self.end)
        self.file = self.path.open("ab")
        # the files' names must be on disk too, or a crash of the machine loses what was synced
        fsync_path(self.path.parent)
        fsync_path(self.folder / "warc")

    def _cut_torn_line(self) -> None:
        if self.path.exists():
            with self.path.open("rb") as journal:
                # a kill can leave half of the last line; its page is fetched again
                num_complete = sum(len(line) for line in journal if line.endswith(b"\n"))
            os.truncate(self.path, num_complete)

    def read_lines(self) -> Iterator[JournalLine]:
        """Yield all committed lines."""
        if self.path.exists():
            with self.path.open("rb") as journal:
                for line in journal:
                    yield cast("JournalLine", parse_line(line))

    def _restore(self, line: JournalLine) -> None:
        if (row := line.get("row")) is not None:
            self.num_in_shard = self.num_in_shard + 1 if self.last_row and self.last_row["warc"] == row["warc"] else 1
            self.last_row, self.end = row, line["end"]
            self.num_stored += 1
            # only pages that have a payload in their own record, as in `WarcShard`
            if line["bytes"] and row["refers_to"] is None:
                self.origins[row["digest"]] = PayloadOrigin(row["url"], row["fetched_at"])

    def _remove_uncommitted(self) -> None:
        for path in (self.folder / "warc").glob("*.warc.gz"):
            # Files behind the last one that a line names. Of that one `WarcShard` cuts off the tail.
            if self.last_row is None or path.name > Path(self.last_row["warc"]).name:
                path.unlink()

    def store(
        self, page: CrawledPage, line: JournalLine, previous: IndexRow | None, links: list[str], via: str
    ) -> IndexRow:
        """Append a page and its line; both survive a kill once they are committed.

        The arguments after the line are those of `WarcShard.add`.
        """
        if self.num_in_shard >= self.shard_size.max_pages or self.shard.size >= self.shard_size.max_megabytes << 20:
            self._start_next_shard()
        start = self.shard.size
        row = self.shard.add(page, previous, links, via)
        self.num_in_shard += 1
        place = {"start": start, "end": self.shard.size, "crc": self.shard.checksum}
        self.append(cast("JournalLine", {**line, "row": row, "bytes": len(page.body), **place}))
        return row

    def append(self, line: JournalLine) -> None:
        """Append a line; commits when a batch is full."""
        self.pending_lines.append(line)
        if len(self.pending_lines) >= BATCH_LINES:
            self.commit()

    def commit(self) -> None:
        """Write everything that was appended to disk."""
        if self.pending_lines:
            # the WARC file first: a line must never speak of a page that is not on disk
            self.shard.sync()
            self.file.write(b"".join(format_line(line) + b"\n" for line in self.pending_lines))
            self.file.flush()
            os.fsync(self.file.fileno())
            self.pending_lines.clear()

    def _start_next_shard(self) -> None:
        self.commit()
        self.shard.file.close()
        # size 0: what a killed run may have left under this name is emptied
        self.shard = WarcShard(self.folder, self.shard.number + 1, self.origins)
        self.num_in_shard = 0
        fsync_path(self.folder / "warc")

    def finish(self, draft: Draft) -> None:
        """Write the index of each WARC file, and close the files."""
        self.commit()
        self.close()
        rows: list[IndexRow] = []
        for line in self.read_lines():
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
        """Close the files."""
        self.file.close()
        self.shard.file.close()

    def delete(self) -> None:
        """Delete the journal and the WARC files: a crawl without a page has nothing to resume from."""
        self.close()
        self.path.unlink(missing_ok=True)
        for path in (self.folder / "warc").glob("*.warc.gz"):
            path.unlink()
