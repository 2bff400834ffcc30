"""The journal after a kill: whatever reached the disk, it continues behind the last complete line."""

import io
import json
import random
import shutil

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tasks.crawl.page import CrawledPage
from tasks.crawl.sizes import ShardSize
from tasks.crawl.web.journal import CrawlJournal, JournalLine
from tasks.store import Draft

PAGES = 60
SIZE = ShardSize(max_pages=17)
BODIES = WarcRecordType.response | WarcRecordType.revisit


def make_page(n):
    body = f"page {n % 40}".encode() * 20  # the last twenty repeat others
    return CrawledPage(
        f"http://x.org/{n}", 200, (("Content-Type", "text/html"),), body, 1_700_000_000_000 + n, (("A", "b"),)
    )


def store_page(journal, n):
    line = JournalLine(url=make_page(n).url, depth=0, hops=0, redirect=False, links=[f"http://x.org/{n + 1}"])
    return journal.store(make_page(n), line, None, [f"http://x.org/{m}" for m in range(n)], "http://x.org/")


def read_records(folder):
    return [
        (record.headers["WARC-Type"], record.headers["WARC-Target-URI"])
        for path in sorted(folder.glob("warc/*"))
        for record in ArchiveIterator(str(path), record_types=BODIES, verify_digests=True)
    ]


@pytest.fixture
def complete(make_draft):
    """The draft of a crawl that stored all pages, not finished."""
    draft = make_draft("whole")
    journal = CrawlJournal(draft, SIZE)
    for n in range(PAGES):
        store_page(journal, n)
    journal.commit()
    journal.close()
    return draft


@pytest.mark.parametrize("seed", range(12))
def test_goes_on_after_any_cut(complete, tmp_path, seed):
    rng = random.Random(seed)
    folder = tmp_path / "killed"
    shutil.copytree(complete.path, folder)
    draft = Draft(folder)
    path = draft.scratch / "frontier.jsonl"
    cut = rng.randrange(path.stat().st_size + 1)
    path.write_bytes(path.read_bytes()[:cut])
    lines = [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    last = lines[-1] if lines else None
    if last:  # bytes behind the last line are there complete, in part or not at all
        warc = folder / last["row"]["warc"]
        warc.write_bytes(warc.read_bytes()[: rng.randrange(last["end"], warc.stat().st_size + 1)])
    journal = CrawlJournal(draft, SIZE)
    assert list(journal.read_lines()) == lines
    assert journal.num_stored == len(lines)
    assert read_records(folder) == read_records(complete.path)[: len(lines)]
    for n in range(len(lines), PAGES):
        store_page(journal, n)
    journal.finish(draft)
    assert read_records(folder) == read_records(complete.path)
    for path in sorted(complete.path.glob("warc/*")):
        assert (folder / "warc" / path.name).read_bytes() == path.read_bytes()


def test_index_says_where_each_record_lies(complete, index):
    journal = CrawlJournal(complete, SIZE)
    journal.finish(complete)
    rows = index(complete.path)
    assert [row["url"] for row in rows] == [make_page(n).url for n in range(PAGES)]
    assert [row["status"] for row in rows] == [200] * 40 + [304] * 20
    for n, row in enumerate(rows):
        blob = (complete.path / row["warc"]).read_bytes()
        [record] = ArchiveIterator(io.BytesIO(blob[row["offset"] : row["offset"] + row["length"]]))
        assert record.headers["WARC-Target-URI"] == row["url"]
        assert row["refers_to"] == (make_page(n - 40).url if n >= 40 else None)
        behind = next(iter(ArchiveIterator(io.BytesIO(blob[row["offset"] + row["length"] :]))))
        assert behind.headers["WARC-Type"] == "metadata"
        assert row["num_links"] == behind.reader.read().count(b"outlink: ") == n


def test_files_roll_at_their_size(make_draft):
    draft = make_draft("rolled")
    journal = CrawlJournal(draft, ShardSize(max_pages=10_000, max_megabytes=1))
    noise = random.Random(0)
    for n in range(40):
        large_page = CrawledPage(f"http://x.org/{n}", 200, (), noise.randbytes(100_000), n)
        journal.store(
            large_page, JournalLine(url=large_page.url, depth=0, hops=0, redirect=False, links=[]), None, [], ""
        )
    journal.finish(draft)
    sizes = [path.stat().st_size for path in sorted(draft.path.glob("warc/*"))]
    assert len(sizes) == 4
    assert all((1 << 20) <= size < (1 << 20) + 110_000 for size in sizes[:-1])
