"""kill -9 in the middle of a crawl: it resumes, no page is lost, and no committed page is fetched again."""

import io
import json
import re
import signal
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tasks.crawl.sizes import ShardSize
from tasks.crawl.task import crawl


def add_pages(site, pages, wait=0.0):
    """Add pages that are found a few at a time; some links lead nowhere, one page in ten has moved."""
    for n in range(pages):
        links = [f"/{m}" for m in (2 * n + 1, 2 * n + 2) if m < pages]
        site.pages[f"/{n}"] = site.page(*links, f"/gone{n}" if n % 20 == 3 else "/", text=f"{n}" * 50, wait=wait)
        if n % 10 == 4:
            site.pages[f"/{n}"], site.pages[f"/to{n}"] = site.moved(f"/to{n}"), site.pages[f"/{n}"]
    site.pages["/"] = site.page("/0", text="front")


def list_paths(lines):
    return [urlsplit(line["url"]).path for line in lines]


def test_killed_twice(site, settings, make_draft, index, killed_after, committed):
    pages = 120
    add_pages(site, pages, wait=0.01)
    draft = make_draft()
    crawl_settings = settings(max_concurrency_per_host=4).model_copy(update={"shards": ShardSize(max_pages=40)})
    done: dict[str, int] = {}
    for asked in (45, 55):
        killed_after(crawl_settings, draft.path, asked, site)
        done |= {path: site.asked()[path] for path in list_paths(committed(draft)) if path not in done}
    assert done, "nothing was committed before the kills"
    crawl.build(crawl_settings, draft)
    after = site.asked()
    assert {path: after[path] for path in done} == done, "a committed page was fetched again"

    rows = index(draft.path)
    reached = {"/", *(f"/{n}" for n in range(pages)), *(f"/to{n}" for n in range(4, pages, 10))}
    missing = {f"/gone{n}" for n in range(3, pages, 20) if n % 10 != 4}
    assert Counter(urlsplit(row["url"]).path for row in rows) == Counter(reached | missing)
    assert count_in_archive(draft.path) == Counter(row["url"] for row in rows)
    for row in rows:
        blob = (draft.path / row["warc"]).read_bytes()[row["offset"] : row["offset"] + row["length"]]
        [record] = ArchiveIterator(io.BytesIO(blob), verify_digests=True)
        assert record.headers["WARC-Target-URI"] == row["url"]
    assert draft.counts["statuses"]["404"] == len(missing)


def count_in_archive(folder):
    kinds = WarcRecordType.response | WarcRecordType.revisit
    return Counter(
        record.headers["WARC-Target-URI"]
        for path in sorted(folder.glob("warc/*"))
        for record in ArchiveIterator(str(path), record_types=kinds)
    )


@pytest.mark.parametrize("torn", [b'{"url": "http://x', b""])
def test_uncommitted_bytes_are_cut_off(site, settings, make_draft, index, torn):
    add_pages(site, 60)
    draft = make_draft()
    crawl.build(settings(), draft)
    all_urls = sorted(row["url"] for row in index(draft.path))
    journal = draft.scratch / "frontier.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:40]) + torn)
    with (draft.path / "warc" / "00000.warc.gz").open("ab") as warc:
        warc.write(b"half a record")
    (draft.path / "warc" / "00001.warc.gz").write_bytes(b"begun")
    before = site.asked()
    crawl.build(settings(), draft)
    assert sorted(row["url"] for row in index(draft.path)) == all_urls
    again = {path for path, count in site.asked().items() if count > before[path]}
    assert again == set(list_paths(json.loads(line) for line in lines[40:]))
    assert count_in_archive(draft.path) == Counter(all_urls)


def test_killed_after_the_last_page(site, settings, make_draft):
    add_pages(site, 60)
    draft = make_draft()
    crawl.build(settings(), draft)
    before, counts = site.asked(), draft.counts
    crawl.build(settings(), draft)
    assert site.asked() == before
    assert draft.counts["statuses"] == counts["statuses"]


def test_a_snapshot_that_is_killed_and_goes_on_is_the_same(
    site, settings, make_draft, as_artifact, index, killed_after, committed
):
    pages = 120
    add_pages(site, pages, wait=0.01)
    for n in range(0, pages, 3):
        site.pages[f"/{n}"].headers = {**site.pages[f"/{n}"].headers, "ETag": f'"{n}"'}
    for n in range(80):
        site.pages[f"/lone{n}"] = site.page(text=f"lone {n}", wait=0.01)
    crawl_settings = settings(max_concurrency_per_host=4)
    links = site.pages["/"]
    site.pages["/"] = site.page("/0", *(f"/lone{n}" for n in range(80)))
    crawl.build(crawl_settings, first := make_draft("first"))
    site.pages["/"] = links  # the lone pages are linked no more: they are asked for last
    for n in range(5, pages, 7):
        site.pages[f"/{n}"] = site.page(*find_links(site.pages[f"/{n}"]), text="edited")
    for n in range(9, pages, 20):
        del site.pages[f"/{n}"]
    before = as_artifact(first.path, "crawl")
    crawl.build(crawl_settings, straight := make_draft("straight"), before)
    expected = {row["url"]: (row["status"], row["change"], row["digest"]) for row in index(straight.path)}
    assert Counter(change for _, change, _ in expected.values()) > Counter(unchanged=1, changed=1, gone=1)

    draft = make_draft("killed")
    done: dict[str, int] = {}
    for asked, below in ((40, "/"), (40, "/lone")):
        killed_after(crawl_settings, draft.path, asked, site, previous=(before,), below=below)
        done |= {path: site.asked()[path] for path in list_paths(committed(draft)) if path not in done}
    assert any(path.startswith("/lone") for path in done), "no page that is linked no more was committed"
    crawl.build(crawl_settings, draft, before)
    after = site.asked()
    assert {path: after[path] for path in done} == done, "a committed page was fetched again"
    rows = index(draft.path)
    assert {row["url"]: (row["status"], row["change"], row["digest"]) for row in rows} == expected
    assert len(rows) == len(expected)
    assert draft.counts["changes"] == straight.counts["changes"]


def find_links(page):
    return re.findall(r'href="([^"]+)"', page.body.decode())


def test_a_sitemap_that_is_gone_when_the_crawl_goes_on(site, settings, make_draft, index, killed_after, committed):
    lone = [f"/lone{n}" for n in range(80)]
    listed = "".join(f"<url><loc>{site.url(path)}</loc></url>" for path in lone)
    site.pages |= {path: site.page("/lone79", text=path, wait=0.02) for path in lone}
    site.pages["/"] = site.page(text="front")
    site.pages["/robots.txt"] = site.Answer(f"Sitemap: {site.url('/map.xml')}".encode())
    site.pages["/map.xml"] = site.Answer(
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'.encode(),
        headers={"Content-Type": "application/xml"},
    )
    draft = make_draft()
    killed_after(settings(), draft.path, 60, site)
    assert len(committed(draft)) > 1
    del site.pages["/map.xml"]
    crawl.build(settings(), draft)
    assert {urlsplit(row["url"]).path for row in index(draft.path)} == {"/", *lone}


def test_interrupted_it_waits_for_nobody_and_goes_on(site, settings, make_draft, index, request):
    """It waits neither for an answer nor for a host that wants quiet."""
    site.pages["/"] = site.page("/slow", "/quiet")
    site.pages["/slow"] = site.page(text="slow", wait=200)
    site.pages["/quiet"] = site.Answer(status=429, headers={"Retry-After": "200"})
    draft = make_draft()
    asked_all, heard = [], threading.Event()

    def hear(*_):
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    def interrupt():
        while site.asked().keys() < {"/", "/slow", "/quiet"}:
            time.sleep(0.01)
        asked_all.append(time.monotonic())
        while not heard.wait(0.1):  # a signal between two looks of the main thread is not seen before the next
            signal.siginterrupt(signal.SIGINT, True)  # polars lets the main thread sleep on
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, hear)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as raised:
        crawl.build(settings(max_concurrency_per_host=2, timeout=200, max_retry_after=300), draft)
    assert time.monotonic() - asked_all[0] < 90
    assert raised.value.__notes__ == ["answers kept: 1, known URLs that wait: 2"]
    site.pages["/slow"], site.pages["/quiet"] = site.page(text="quick"), site.page(text="talks")
    crawl.build(settings(), draft)
    assert Counter(urlsplit(row["url"]).path for row in index(draft.path)) == Counter(["/", "/slow", "/quiet"])
    assert site.asked()["/"] == 1
