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


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def go_on(draft):
    """Store what the journal does not know, and finish; the URLs that were stored again."""
    journal = CrawlJournal(draft, SIZE)
    stored = {line["url"] for line in journal.read_lines()}
    missing = [n for n in range(PAGES) if make_page(n).url not in stored]
    for n in missing:
        store_page(journal, n)
    journal.finish(draft)
    return missing


@pytest.mark.parametrize("file", ["warc", "journal"])
@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_never_published_and_costs_no_more_than_its_file(
    complete, tmp_path, index, caplog, file, seed
):
    folder = tmp_path / "killed"
    shutil.copytree(complete.path, folder)
    rng = random.Random(seed)
    path = folder / ".scratch" / "frontier.jsonl" if file == "journal" else rng.choice(sorted(folder.glob("warc/*")))
    flip(path, rng.randrange(path.stat().st_size))
    missing = go_on(Draft(folder))
    # two lines, where the flip joins them
    assert len(missing) <= (2 if file == "journal" else SIZE.max_pages)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) <= 1
    rows = index(folder)
    assert sorted(row["url"] for row in rows) == sorted(make_page(n).url for n in range(PAGES))
    for row in rows:
        blob = (folder / row["warc"]).read_bytes()
        data = io.BytesIO(blob[row["offset"] : row["offset"] + row["length"]])
        [record] = ArchiveIterator(data, verify_digests=True)
        assert record.headers["WARC-Target-URI"] == row["url"]
    assert len(read_records(folder)) >= PAGES, "each file can be read from its beginning to its end"


def test_damage_in_the_middle_costs_the_rest_of_its_file(complete, caplog):
    lines = [json.loads(line) for line in (complete.scratch / "frontier.jsonl").read_bytes().splitlines()]
    flip(complete.path / lines[20]["row"]["warc"], lines[20]["start"] + 30)
    assert go_on(complete) == list(range(20, 34))
    assert "14 entries of the interrupted crawl" in caplog.text
    assert (complete.path / "warc" / "00001.warc.gz").stat().st_size == lines[20]["start"]


def test_a_file_that_is_gone_is_fetched_again(complete):
    (complete.path / "warc" / "00003.warc.gz").unlink()
    assert go_on(complete) == list(range(51, 60))


def test_a_kill_while_the_damage_is_cut_off_leaves_none(complete, monkeypatch):
    lines = [json.loads(line) for line in (complete.scratch / "frontier.jsonl").read_bytes().splitlines()]
    flip(complete.path / lines[20]["row"]["warc"], lines[20]["start"] + 30)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.crawl.web.journal_repair.commit_file", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            CrawlJournal(complete, SIZE)
    assert go_on(complete) == list(range(20, 34))


def test_the_journal_of_an_earlier_version_is_read(complete):
    path = complete.scratch / "frontier.jsonl"
    new = ("start", "crc", "checksum")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    old = [{name: value for name, value in line.items() if name not in new} for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert go_on(complete) == []
