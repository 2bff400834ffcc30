"""Continue an incomplete crawl in the next run of the same key: from its pages, its journal and its unanswered URLs."""

import gzip
import json
import logging
import os
import shutil
import zlib
from pathlib import Path
from typing import NamedTuple

from tasks.crawl.web.journal import JOURNAL_NAME, JournalLine
from tasks.crawl.web.state import get_time_ms
from tasks.store import Draft
from tasks.store.checksum import format_line
from tasks.store.draft import commit_file

log = logging.getLogger("textmill.crawl")

# in a folder that is not part of the digest: they say what is missing, and no later stage reads them
UNANSWERED_URLS = "failed/unanswered.jsonl"
FRONTIER = "failed/frontier.jsonl.gz"


class UnansweredUrl(NamedTuple):
    """A URL that got no answer, why, and in how many runs so far."""

    url: str
    reason: str
    runs: int


def write_unanswered(draft: Draft, urls: list[UnansweredUrl]) -> None:
    """Write the URLs that got no answer, one JSON object a line."""
    with draft.write(UNANSWERED_URLS) as path, path.open("w", encoding="utf-8") as file:
        for url in urls:
            file.write(json.dumps(url._asdict()) + "\n")


def read_num_runs(*folders: Path | None) -> dict[str, int]:
    """Return in how many runs the URLs failed that crawls list as unanswered; a later folder takes precedence."""
    runs: dict[str, int] = {}
    for folder in folders:
        path = folder / UNANSWERED_URLS if folder else None
        if path is None or not path.exists():
            continue
        try:
            with path.open(encoding="utf-8") as file:
                runs |= {line["url"]: int(line["runs"]) for line in map(json.loads, file)}
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be read (%s): its URLs count as failed for the first time", path, error)
    return runs


def save_frontier(draft: Draft, journal: Path) -> None:
    """Keep the journal of a crawl in its artifact, so that the next run can continue."""
    with (
        draft.write(FRONTIER) as path,
        path.open("wb") as file,
        # without a name and a time in its header, equal journals give equal bytes
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        journal.open("rb") as plain,
    ):
        shutil.copyfileobj(plain, packed)


def take_over(draft: Draft) -> None:
    """Copy the pages and the journal of the incomplete artifact that a draft continues, unless that is done already."""
    folder, journal = draft.incomplete_artifact, draft.scratch / JOURNAL_NAME
    if folder is None or journal.exists() or not (folder / FRONTIER).exists():
        return
    copy = draft.scratch / f"{JOURNAL_NAME}.part"
    line = JournalLine(url="", depth=0, hops=0, redirect=False, links=[], continued_at=get_time_ms())
    try:
        with gzip.open(folder / FRONTIER) as packed, copy.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
            plain.write(format_line(line) + b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        log.warning("%s cannot be read (%s): the crawl begins anew", folder / FRONTIER, error)
        return
    files = sorted((folder / "warc").glob("*.warc.gz"))
    for path in files:
        with draft.write(f"warc/{path.name}") as target:
            # the crawl writes on behind the last one, so that one must be a file of its own
            if path == files[-1] or not link_file(path, target):
                shutil.copyfile(path, target)
    # last: a journal in the scratch folder means that its pages are there
    commit_file(copy, journal)
    log.info("continues %s: its pages are taken over, and what got no answer is asked for again", folder)


def link_file(source: Path, target: Path) -> bool:
    """Make a hard link; return whether the file system can."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True
