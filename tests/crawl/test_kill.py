"""kill -9 in the middle of a crawl: it goes on, no page is lost, none that was committed is fetched again."""

import io
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tasks.crawl.sizes import ShardSize
from tasks.crawl.task import crawl

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from tasks.crawl.task import Crawl, crawl
from tasks.draft import Draft

crawl.build(Crawl.model_validate_json(sys.argv[1]), Draft(Path(sys.argv[2])))
"""


def fill(site, pages, wait=0.0):
    """A site whose pages are found a few at a time; some links lead nowhere, one page in ten has moved."""
    for n in range(pages):
        links = [f"/{m}" for m in (2 * n + 1, 2 * n + 2) if m < pages]
        site.pages[f"/{n}"] = site.page(*links, f"/gone{n}" if n % 20 == 3 else "/", text=f"{n}" * 50, wait=wait)
        if n % 10 == 4:
            site.pages[f"/{n}"], site.pages[f"/to{n}"] = site.moved(f"/to{n}"), site.pages[f"/{n}"]
    site.pages["/"] = site.page("/0", text="front")


def killed_after(settings, folder, site, asked):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, settings.model_dump_json(), str(folder)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while sum(site.asked().values()) < asked:
        assert process.poll() is None, "the crawl ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def committed(draft):
    journal = draft.scratch / "frontier.jsonl"
    whole = [line for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [urlsplit(json.loads(line)["url"]).path for line in whole]


def test_killed_twice(site, settings, make_draft, index):
    pages = 120
    fill(site, pages, wait=0.01)
    draft = make_draft()
    wanted = settings(per_host=4).model_copy(update={"shards": ShardSize(pages=40)})
    done: dict[str, int] = {}
    for asked in (45, 100):
        killed_after(wanted, draft.path, site, asked)
        time.sleep(0.1)  # the server logs what was on the way
        done |= {path: site.asked()[path] for path in committed(draft) if path not in done}
    assert done, "nothing was committed before the kills"
    crawl.build(wanted, draft)
    after = site.asked()
    assert {path: after[path] for path in done} == done, "a committed page was fetched again"

    rows = index(draft.path)
    reached = {"/", *(f"/{n}" for n in range(pages)), *(f"/to{n}" for n in range(4, pages, 10))}
    missing = {f"/gone{n}" for n in range(3, pages, 20) if n % 10 != 4}
    assert Counter(urlsplit(row["url"]).path for row in rows) == Counter(reached | missing)
    assert in_archive(draft.path) == Counter(row["url"] for row in rows)
    for row in rows:
        blob = (draft.path / row["warc"]).read_bytes()[row["offset"] : row["offset"] + row["length"]]
        [record] = ArchiveIterator(io.BytesIO(blob), verify_digests=True)
        assert record.headers["WARC-Target-URI"] == row["url"]
    assert draft.counts["statuses"]["404"] == len(missing)


def in_archive(folder):
    kinds = WarcRecordType.response | WarcRecordType.revisit
    return Counter(
        record.headers["WARC-Target-URI"]
        for path in sorted(folder.glob("warc/*"))
        for record in ArchiveIterator(str(path), record_types=kinds)
    )


@pytest.mark.parametrize("torn", [b'{"url": "http://x', b""])
def test_uncommitted_bytes_are_cut_off(site, settings, make_draft, index, torn):
    fill(site, 60)
    draft = make_draft()
    crawl.build(settings(), draft)
    whole = sorted(row["url"] for row in index(draft.path))
    journal = draft.scratch / "frontier.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:40]) + torn)
    with (draft.path / "warc" / "00000.warc.gz").open("ab") as warc:
        warc.write(b"half a record")
    (draft.path / "warc" / "00001.warc.gz").write_bytes(b"begun")
    before = site.asked()
    crawl.build(settings(), draft)
    assert sorted(row["url"] for row in index(draft.path)) == whole
    again = {path for path, count in site.asked().items() if count > before[path]}
    assert again == {urlsplit(json.loads(line)["url"]).path for line in lines[40:]}
    assert in_archive(draft.path) == Counter(whole)


def test_killed_after_the_last_page(site, settings, make_draft):
    fill(site, 60)
    draft = make_draft()
    crawl.build(settings(), draft)
    before, counts = site.asked(), draft.counts
    crawl.build(settings(), draft)
    assert site.asked() == before
    assert draft.counts["statuses"] == counts["statuses"]
