"""The web source against a real server on loopback."""

import gzip
import io
import itertools
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from fastwarc.warc import WarcRecordType
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from tasks.crawl.sources.web import Web
from tasks.crawl.task import crawl
from tasks.errors import StageFailure


def paths(rows, status=200):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == status)


def add_pages(site):
    """A site with one of each."""
    site.pages |= {
        "/": site.page(
            "/a", "/a#part", "b", "/private/x", "/moved", "/gone", "/flaky", "http://other.invalid/", text="0"
        ),
        "/a": site.page("/", "/c", "mailto:x@y.z", "javascript:void(0)", text="a"),
        "/b": site.page("d", text="b", head='<base href="/deep/">'),
        "/c": site.page("/c2?x=1&y=2", "/picture", "/huge", "/endless", text="c"),
        "/deep/d": site.page(text="d"),
        "/c2?x=1&y=2": site.page(text="c2"),
        "/private/x": site.page(text="private"),
        "/moved": site.moved("/new"),
        "/new": site.page("/loop1", "/same", text="new"),
        "/same": site.page("/loop1", "/same", text="new"),
        "/loop1": site.moved("/loop2", 302),
        "/loop2": site.moved("/loop1", 302),
        "/flaky": lambda before: site.page(text="flaky") if before else site.Answer(b"oh", 500),
        "/picture": site.Answer(b"\x89PNG", headers={"Content-Type": "image/png"}),
        "/huge": site.Answer(b"x" * 300_000),
        "/endless": site.Answer(b"y" * 100_000, chunks=50),
        "/robots.txt": site.Answer(b"User-agent: *\nDisallow: /private/\n", headers={"Content-Type": "text/plain"}),
    }


def test_exactly_the_expected_pages(site, crawled, index):
    add_pages(site)
    draft = crawled(max_megabytes=0.2, user_agent="Textmill-test/1 (+mailto:x@example.org)")
    rows = index(draft.path)
    repeated = paths(rows, 304)
    assert sorted([*paths(rows), *repeated]) == ["/", "/a", "/b", "/c", "/c2", "/deep/d", "/flaky", "/new", "/same"]
    assert repeated in (["/new"], ["/same"])
    assert paths(rows, 404) == ["/gone"]
    assert paths(rows, 301) == ["/moved"]
    assert paths(rows, 302) == ["/loop1", "/loop2"]
    assert draft.counts["statuses"] == {"200": 8, "301": 1, "302": 2, "404": 1, "repeated": 1}
    assert draft.counts["skipped"] == {
        "too large": 2,
        "content type": 1,
        "other host": 1,
        "refused by robots.txt": 1,
    }
    assert draft.counts["pages"] == 8
    assert draft.counts["bytes"] == sum(
        len(page.body) for page in map(site.pages.get, list_paths_with_bodies()) if page
    ) + len(site.page(text="flaky").body)
    asked = site.asked()
    assert asked["/flaky"] == 2
    assert all(count == 1 for path, count in asked.items() if path != "/flaky")
    assert "/private/x" not in asked
    assert site.agents == {"Textmill-test/1 (+mailto:x@example.org)"}
    assert "| 200 | 8 |" in (draft.path / "summary.md").read_text()


def list_paths_with_bodies():
    return ["/", "/a", "/b", "/c", "/c2?x=1&y=2", "/deep/d", "/new"]


def test_archive_readable_by_warcio_and_fastwarc(site, crawled, index):
    add_pages(site)
    site.pages["/zip"] = site.Answer(
        gzip.compress(site.page(text="packed").body),
        headers={"Content-Type": "text/html", "Content-Encoding": "gzip", "ETag": '"v1"', "Last-Modified": "yesterday"},
    )
    site.pages["/"].body += b'<a href="/zip">zip</a>'
    draft = crawled(max_megabytes=0.2)
    rows = index(draft.path)
    [warc] = sorted(draft.path.glob("warc/*"))
    with warc.open("rb") as file:
        kinds, payloads = [], {}
        for record in WarcioIterator(file, check_digests="raise"):
            kinds.append(record.rec_type)
            if record.rec_type == "response":
                payloads[record.rec_headers["WARC-Target-URI"]] = record.content_stream().read()
    assert kinds.count("request") == kinds.count("response") + kinds.count("revisit") == len(rows)
    assert kinds.count("revisit") == 1
    assert kinds.count("warcinfo") == 1
    with warc.open("rb") as file:
        fast = {
            record.headers["WARC-Target-URI"]: record.reader.read()
            for record in FastIterator(file, record_types=WarcRecordType.response, verify_digests=True)
        }
    assert fast == payloads
    assert payloads[site.url("/zip")] == site.page(text="packed").body
    blob = warc.read_bytes()
    for row in rows:
        [record] = FastIterator(io.BytesIO(blob[row["offset"] : row["offset"] + row["length"]]))
        assert record.headers["WARC-Target-URI"] == row["url"]
    zipped = next(row for row in rows if row["url"] == site.url("/zip"))
    assert (zipped["etag"], zipped["last_modified"], zipped["content_type"]) == ('"v1"', "yesterday", "text/html")


def test_again_in_the_same_process_and_in_a_thread(site, crawled, index):
    add_pages(site)
    first = [row["url"] for row in index(crawled().path)]
    threaded = []
    thread = threading.Thread(target=lambda: threaded.extend(row["url"] for row in index(crawled().path)))
    thread.start()
    thread.join()
    assert sorted(threaded) == sorted(first)
    assert len(first) == len(set(first))


def test_delay_between_requests_to_a_host(site, crawled):
    site.pages["/"] = site.page("/1", "/2", "/3", "/4")
    site.pages |= {f"/{n}": site.page(text=str(n)) for n in range(1, 5)}
    crawled(delay=0.15, max_concurrency_per_host=4)
    times = [time for time, _ in site.log]
    assert len(times) == 6
    assert min(after - before for before, after in itertools.pairwise(times)) > 0.1
    assert times[-1] - times[0] > 5 * 0.14


def test_crawl_delay_of_robots_txt(site, crawled):
    site.pages["/"] = site.page("/1", "/2")
    site.pages |= {"/1": site.page(text="1"), "/2": site.page(text="2")}
    site.pages["/robots.txt"] = site.Answer(b"User-agent: *\nCrawl-delay: 0.3\n")
    crawled()
    times = [time for time, path in site.log if path != "/robots.txt"]
    assert min(after - before for before, after in itertools.pairwise(times)) > 0.25


def test_requests_at_once(site, crawled):
    site.pages["/"] = site.page(*(f"/{n}" for n in range(12)))
    site.pages |= {f"/{n}": site.page(text=str(n), wait=0.05) for n in range(12)}
    crawled(max_concurrency_per_host=3)
    assert site.max_at_once == 3


def test_allow_and_deny(site, crawled, index):
    site.pages["/"] = site.page("/docs/a", "/docs/b.old", "/blog/c")
    site.pages |= {path: site.page(text=path) for path in ("/docs/a", "/docs/b.old", "/blog/c")}
    draft = crawled(allow=["/docs/"], deny=[r"\.old$"])
    assert paths(index(draft.path)) == ["/", "/docs/a"]
    assert draft.counts["skipped"] == {"denied": 1, "not allowed": 1}


def test_depth_limit_is_exact_though_the_short_way_is_slow(site, crawled, index):
    site.pages |= {
        "/": site.page("/slow", "/fast"),
        "/slow": site.page("/x", wait=0.3),  # the way by which /x has depth 2
        "/fast": site.page("/fast2"),
        "/fast2": site.page("/x", text="fast2"),  # the quicker way, by which it would have depth 3
        "/x": site.page("/y", text="x"),
        "/y": site.page(text="y"),
    }
    draft = crawled(max_depth=3)
    assert paths(index(draft.path)) == ["/", "/fast", "/fast2", "/slow", "/x", "/y"]
    assert paths(index(crawled(max_depth=1).path)) == ["/", "/fast", "/slow"]


def test_page_limit_is_exact_and_always_leaves_the_same(site, crawled, index):
    links = [f"/{n}" for n in range(40)]
    site.pages["/"] = site.page(*links)
    site.pages |= {link: site.page(text=link) for n, link in enumerate(links) if n % 5}  # each fifth is a 404
    first, second = (paths(index(crawled(max_pages=20, max_concurrency_per_host=limit).path)) for limit in (7, 2))
    assert len(first) == 20
    assert first == second


def test_seed_that_redirects_to_another_host(site, crawled, index):
    elsewhere = site.address.replace("127.0.0.1", "localhost")
    site.pages |= {"/": site.moved(f"{elsewhere}/home"), "/home": site.page("/more"), "/more": site.page(text="more")}
    assert paths(index(crawled().path)) == ["/home", "/more"]
    with pytest.raises(StageFailure, match="other host"):
        crawled(hosts=["127.0.0.1"])


def test_shards_roll(site, settings, make_draft, index):
    site.pages["/"] = site.page(*(f"/{n}" for n in range(24)))
    site.pages |= {f"/{n}": site.page(text=str(n)) for n in range(24)}
    draft = make_draft()
    crawl.build(settings().model_copy(update={"shards": settings().shards.model_copy(update={"max_pages": 10})}), draft)
    assert [path.name for path in sorted(draft.path.glob("warc/*"))] == [f"0000{n}.warc.gz" for n in range(3)]
    assert [row["warc"] for row in index(draft.path)] == ["warc/00000.warc.gz"] * 10 + ["warc/00001.warc.gz"] * 10 + [
        "warc/00002.warc.gz"
    ] * 5


def test_pace_does_not_decide_the_key():
    slow = Web(
        seeds=["http://localhost/"],
        delay=9,
        max_concurrency_per_host=1,
        max_retries=0,
        timeout=1,
        autothrottle_target=0,
        max_retry_after=9,
    )
    assert slow.semantic() == Web(seeds=["http://localhost/"]).semantic()
    assert slow.semantic() != Web(seeds=["http://localhost/"], max_pages=9).semantic()


def test_draft_holds_nothing_else(site, crawled):
    site.pages["/"] = site.page()
    folder: Path = crawled().path
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert [name for name in files if not name.startswith(".")] == [
        "index/00000.parquet",
        "summary.md",
        "warc/00000.warc.gz",
    ]
