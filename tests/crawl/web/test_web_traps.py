"""Addresses and answers without end, against a real server on loopback."""

import gzip
import itertools
from urllib.parse import urlsplit

import brotli
import pytest
import zstandard

from tasks.errors import StageFailure


def paths(rows, status=200):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == status)


def urls(site, rows):
    return sorted(row["url"].removeprefix(site.address) for row in rows if row["status"] == 200)


def test_one_page_has_one_address(site, crawled, index):
    links = [
        "/a?x=1&y=2",
        "/a?y=2&x=1",
        "/a?x=1&y=2&utm_source=mail",
        "/a;jsessionid=0A1B?y=2&x=1#part",
        "/a?PHPSESSID=7&y=2&x=1",
    ]
    site.pages |= {"/": site.page(*links), "/a?x=1&y=2": site.page(text="a")}
    draft = crawled()
    assert urls(site, index(draft.path)) == ["/", "/a?x=1&y=2"]
    assert site.asked() == {"/": 1, "/a?x=1&y=2": 1}
    assert draft.counts["links"] == {"session ids removed": 2, "tracking parameters removed": 1}


def test_a_server_that_insists_on_its_own_spelling(site, crawled, index):
    site.pages |= {
        "/": site.page("/a?y=1&x=2"),
        "/a?x=2&y=1": site.moved("/a?y=1&x=2"),
        "/a?y=1&x=2": site.page(text="a"),
    }
    assert urls(site, index(crawled().path)) == ["/", "/a?y=1&x=2"]


def test_a_seed_is_stripped_too(site, crawled, index):
    site.pages |= {"/a?x=1": site.page("/a?x=1&gclid=2", text="a")}
    assert urls(site, index(crawled(seeds=[site.url("/a?gclid=1&x=1")]).path)) == ["/a?x=1"]


def test_relative_links_that_went_wrong(site, crawled, index):
    for n in range(30):
        site.pages["/" + "a/b/" * n] = site.page("a/b/", text=str(n))
    draft = crawled()
    assert urls(site, index(draft.path)) == sorted("/" + "a/b/" * n for n in range(5))
    assert draft.counts["skipped"] == {"path repeats itself": 1}


def test_a_calendar_without_end(site, crawled, index):
    months = [f"/calendar/{year}/{month}" for year in range(2020, 2200) for month in range(1, 13)]
    for month, after in itertools.pairwise(months):
        site.pages[month] = site.page(after, text=month)
    site.pages["/"] = site.page("/calendar/2199/11", "/calendar/2020/1", "/calendar/1066/10")
    draft = crawled(max_depth=9)
    assert len(paths(index(draft.path))) == 10
    assert draft.counts["skipped"] == {"calendar without end": 2, "too deep": 1}


def test_redirects_without_end(site, crawled, index):
    site.pages["/"] = site.page("/0", "/here", "/there")
    site.pages |= {f"/{n}": site.moved(f"/{n + 1}", 302) for n in range(50)}
    site.pages |= {"/here": site.moved("/there"), "/there": site.moved("/here")}
    draft = crawled(traps={"max_redirects": 4})
    assert paths(index(draft.path), 302) == ["/0", "/1", "/2", "/3", "/4"]
    assert paths(index(draft.path), 301) == ["/here", "/there"]
    assert draft.counts["skipped"] == {"too many redirects": 1}


def test_meta_refresh(site, crawled, index):
    def going_on(to, seconds=0, text=""):
        return site.page(text=text, head=f'<meta http-equiv="refresh" content="{seconds}; url={to}">')

    site.pages |= {
        "/": going_on("/home"),
        "/home": site.page("/news", "/round1", text="home"),
        "/news": going_on("/news2", 300, text="news"),
        "/round1": going_on("/round2"),
        "/round2": going_on("/round1"),
    }
    draft = crawled()
    assert paths(index(draft.path)) == ["/home", "/news"]
    assert draft.counts["skipped"] == {"meta refresh": 3}


def test_a_seed_that_goes_on_to_another_host_by_itself(site, crawled, index):
    elsewhere = site.address.replace("127.0.0.1", "localhost")
    site.pages |= {"/": site.page(head=f'<meta http-equiv="refresh" content="0; url={elsewhere}/home">')}
    site.pages["/home"] = site.page("/more", text="home")
    site.pages["/more"] = site.page(text="more")
    assert paths(index(crawled().path)) == ["/home", "/more"]


def page_with_canonical(site, canonical, *links, text):
    return site.page(*links, text=text, head=f'<link rel="canonical" href="{canonical}">')


def test_canonical(site, crawled, index):
    site.pages |= {
        "/": site.page("/a", "/old/b", text="front"),
        "/a": page_with_canonical(site, "/a", "/print/a", text="a"),
        "/print/a": page_with_canonical(site, "/a", "/only-from-print", text="a to print"),
        "/only-from-print": site.page(text="only"),
        "/old/b": page_with_canonical(
            site, "/b", text="old b"
        ),  # its canonical page comes later, and might have been missing
        "/b": page_with_canonical(site, "/b", text="b"),
    }
    draft = crawled()
    assert paths(index(draft.path)) == ["/", "/a", "/b", "/old/b", "/only-from-print"]
    assert draft.counts["skipped"] == {"not canonical": 1}
    assert "/print/a" in paths(index(crawled(traps={"canonical": False}).path))


def test_wrong_canonicals_lose_no_page(site, crawled, index):
    site.pages |= {
        "/": site.page("/a", "/b", "/c"),
        "/a": page_with_canonical(site, "/missing", text="a"),
        "/b": page_with_canonical(site, "http://elsewhere.invalid/b", text="b"),
        "/c": page_with_canonical(site, "/d", text="c"),
        "/d": page_with_canonical(site, "/c", text="d"),
    }
    kept = paths(index(crawled().path))
    assert {"/", "/a", "/b"} < set(kept)
    assert {"/c", "/d"} & set(kept)


BOMB = bytes(40_000_000)
PACKED = {"gzip": gzip.compress(BOMB, 1), "br": brotli.compress(BOMB, quality=1), "zstd": zstandard.compress(BOMB)}


def test_bombs_and_bodies_that_are_not_what_they_say(site, crawled, index):
    for encoding, body in PACKED.items():
        site.pages[f"/bomb-{encoding}"] = site.Answer(
            body, headers={"Content-Type": "text/html", "Content-Encoding": encoding}
        )
        site.pages[f"/bad-{encoding}"] = site.Answer(
            b"?" * 99, headers={"Content-Type": "text/html", "Content-Encoding": encoding}
        )
    twice = {"Content-Type": "text/html", "Content-Encoding": "gzip, gzip"}
    site.pages["/bomb-twice"] = site.Answer(gzip.compress(PACKED["gzip"]), headers=twice)
    site.pages["/"] = site.page(*site.pages)
    draft = crawled(max_megabytes=1)
    assert paths(index(draft.path)) == ["/"]
    assert draft.counts["skipped"] == {"unpacks to too much": 4, "cannot be unpacked": 3}


def test_answers_that_are_no_text(site, crawled, index):
    bodies = {"/png": b"\x89PNG\r\n", "/pdf": b"%PDF-1.7", "/zip": b"PK\x03\x04", "/gz": gzip.compress(b"<p>")}
    site.pages |= {path: site.Answer(body) for path, body in bodies.items()}
    site.pages["/none"] = site.Answer(b"GIF89a", headers={})
    site.pages["/csv"] = site.Answer(b"a,b", headers={"Content-Type": "text/csv"})
    site.pages["/"] = site.page(*site.pages)
    draft = crawled()
    assert paths(index(draft.path)) == ["/"]
    assert draft.counts["skipped"] == {"content type": 6}


def test_answers_that_drip(site, crawled, index):
    site.pages["/"] = site.page("/drip", "/fine")
    site.pages["/drip"] = site.Answer(b"<p>", chunks=100, pause=0.1)
    site.pages["/fine"] = site.page(text="fine")
    draft = crawled(timeout=2, max_retries=3)
    assert paths(index(draft.path)) == ["/", "/fine"]
    assert draft.counts["skipped"] == {"answer too slow": 1}
    assert site.asked()["/drip"] == 1, "it would be as slow the next time"


@pytest.mark.slow
def test_a_tarpit_is_given_up(site, crawled):
    links = [f"/{n}" for n in range(20)]
    site.pages |= {link: site.Answer(b"<p>", chunks=100, pause=0.1) for link in links}
    site.pages["/"] = site.page(*links)
    with pytest.raises(StageFailure, match=r"answer too slow: (5|6|7|8)\b"):
        crawled(timeout=1.5)


def test_pages_that_are_not_kept_come_to_an_end_too(site, crawled):
    for n in range(99):
        site.pages[f"/{n}"] = site.page(f"/{n + 1}", text=str(n), head='<meta name="robots" content="noindex">')
    site.pages["/"] = site.page("/0")
    draft = crawled(max_pages=9, max_depth=99)
    assert draft.counts["skipped"] == {"noindex": 8, "page limit": 1}
    assert sum(site.asked().values()) == 9
