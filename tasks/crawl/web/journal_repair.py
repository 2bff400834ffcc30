"""Damage in what an interrupted crawl has stored: found before the crawl goes on, and fetched again.

A damaged line of the journal is left out. A WARC file is cut off before its first damaged page, since no reader of the
file gets behind one; the pages of other files stay.
"""

import logging
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from tasks.store.checksum import parse_line
from tasks.store.draft import commit_file, fsync_path

log = logging.getLogger("textmill.crawl")


class StoredPages:
    """The pages of one WARC file, read in the order in which they were stored."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO | None = path.open("rb") if path.exists() else None
        self.cut: int | None = None  # where the first damaged page begins

    def is_intact(self, line: dict[str, Any]) -> bool:
        """Tell whether a line's page, and all that lie before it in the file, are as they were written."""
        # a line of an earlier version has no checksum of its page
        if self.cut is None and "crc" in line:
            data = b""
            if self.file is not None:
                self.file.seek(line["start"])
                data = self.file.read(line["end"] - line["start"])
            if zlib.crc32(data) != line["crc"] or len(data) != line["end"] - line["start"]:
                self.cut = line["start"]
        return self.cut is None

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


def repair_journal(journal: Path, folder: Path) -> None:
    """Leave out what is damaged of a crawl's journal and of the WARC files in its folder. It takes one read of both."""
    if not journal.exists():
        return
    damaged, cuts = find_damage(journal, folder)
    if not damaged:
        return
    log.warning(
        "%s entries of the interrupted crawl in %s are damaged; their pages are fetched again", len(damaged), folder
    )
    # The files first: after a kill in between the lines of what was cut off show the damage again. Cut off by a later
    # run is only what lies in the last file.
    for name, size in cuts.items():
        path = folder / name
        if size and path.exists():
            os.truncate(path, size)
            fsync_path(path)
        else:
            path.unlink(missing_ok=True)
    copy = journal.with_name(f"{journal.name}.repaired")
    with journal.open("rb") as lines, copy.open("wb") as kept:
        kept.writelines(line for number, line in enumerate(lines) if number not in damaged)
    commit_file(copy, journal)


def find_damage(journal: Path, folder: Path) -> tuple[set[int], dict[str, int]]:
    """Return the numbers of the lines that cannot be used, and where WARC files are to be cut off: name → size."""
    damaged: set[int] = set()
    pages: dict[str, StoredPages] = {}
    with journal.open("rb") as lines:
        for number, text in enumerate(lines):
            try:
                line = parse_line(text.rstrip(b"\n"))
            except ValueError:
                damaged.add(number)
                continue
            if (row := line.get("row")) is None:
                continue
            if row["warc"] not in pages:
                for other in pages.values():  # the crawl writes one file after the other
                    other.close()
                pages[row["warc"]] = StoredPages(folder / row["warc"])
            if not pages[row["warc"]].is_intact(line):
                damaged.add(number)
    for stored in pages.values():
        stored.close()
    return damaged, {name: stored.cut for name, stored in pages.items() if stored.cut is not None}
