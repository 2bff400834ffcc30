"""Failures of a crawl of the web, and their messages."""

import gzip
import socket
from urllib.parse import urlsplit

import pytest

from tasks.crawl.sources.web import Web
from tasks.crawl.task import crawl
from tasks.errors import StageFailure, Transient


def paths(rows, status=200):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == status)


@pytest.mark.parametrize(
    ("pages", "says", "hint"),
    [
        ({"/robots.txt": b"User-agent: *\nDisallow: /"}, "refused by robots.txt: 1", "owner"),
        ({}, "status 404: 1", "browser"),
        ({"/": b"\x00\x01"}, "content type: 1", "content_types"),
    ],
)
def test_no_page(site, crawled, pages, says, hint):
    site.pages |= {
        path: site.Answer(body, headers={"Content-Type": "application/octet-stream"}) for path, body in pages.items()
    }
    with pytest.raises(StageFailure, match=says) as failure:
        crawled()
    assert hint in failure.value.hint
    assert not isinstance(failure.value, Transient)


def test_server_that_is_not_there(crawled):
    with pytest.raises(StageFailure, match="connection refused: 1") as failure:
        crawled(seeds=["http://127.0.0.1:9/"], max_retries=1)
    assert not isinstance(failure.value, Transient)


def test_robots_txt_that_fails_forbids_everything(site, crawled):
    site.pages |= {"/": site.page(), "/robots.txt": site.Answer(status=503)}
    with pytest.raises(StageFailure, match=r"refused by robots\.txt"):
        crawled(max_retries=1)
    assert not site.asked()


def test_host_that_is_silent_from_the_start(site, crawled):
    site.pages |= {path: site.page(wait=0.6) for path in ("/robots.txt", "/")}
    with pytest.raises(Transient, match="timeout: 1"):
        crawled(timeout=0.2, max_retries=1)
    assert not site.asked()
    assert len(site.log) == 2


def test_a_silent_server_is_asked_again_by_the_next_run(site, settings, make_draft, index):
    site.pages["/"] = lambda before: site.page(text="awake", wait=0.0 if before else 1.0)
    draft = make_draft()
    with pytest.raises(Transient, match="timeout: 1"):
        crawl.build(settings(timeout=0.3, max_retries=0), draft)
    crawl.build(settings(), draft)
    assert paths(index(draft.path)) == ["/"]


def test_network_that_goes_away_keeps_what_was_fetched(site, settings, make_draft, index):
    links = [f"/{n}" for n in range(9)]
    away = [True]
    site.pages["/"] = lambda before: site.hang_up() if before and away else site.page(*links)
    site.pages |= {link: lambda _, link=link: site.hang_up() if away else site.page(text=link) for link in links}
    draft = make_draft()
    with pytest.raises(Transient, match="network went away: 1 pages"):
        crawl.build(settings(max_retries=0), draft)
    away.clear()
    asked = site.asked()["/"]
    crawl.build(settings(), draft)
    assert len(paths(index(draft.path))) + len(paths(index(draft.path), 304)) == 10
    assert site.asked()["/"] == asked, "what was fetched was fetched again"


def test_a_full_disk_is_reported(site, crawled, monkeypatch):
    site.pages["/"] = site.page()

    def full(self, *page):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.crawl.shard.WarcShard.add", full)
    with pytest.raises(OSError, match="No space left"):
        crawled()


@pytest.mark.parametrize("seed", ["ftp://x.org/", "nonsense", "http://[::1/"])
def test_seed_that_is_no_web_address(crawled, seed):
    with pytest.raises(StageFailure, match="not a URL"):
        crawled(seeds=[seed])


def test_retry_after_is_kept(site, crawled, index):
    site.pages["/"] = lambda before: (
        site.page() if before else site.Answer(status=429, headers={"Retry-After": "1", "Content-Type": "text/html"})
    )
    assert paths(index(crawled().path)) == ["/"]
    first, second = (time for time, path in site.log if path == "/")
    assert second - first > 0.95


def test_packed_answers_that_are_not_wanted_or_broken(site, crawled, index):
    packed = gzip.compress(b"<svg/>" * 100)
    kinds = {"/a": "image/svg+xml", "/b": "text/html", "/c": "text/html"}
    site.pages["/"] = site.page(*kinds)
    for path, kind in kinds.items():
        site.pages[path] = site.Answer(packed, headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    site.pages["/b"].body = b"not gzip at all"
    draft = crawled()
    assert paths(index(draft.path)) == ["/", "/c"]
    assert draft.counts["skipped"] == {"cannot be unpacked": 1, "content type": 1}


@pytest.mark.parametrize(
    ("code", "says", "is_transient"),
    [(socket.EAI_NONAME, "no such host: 1", False), (socket.EAI_AGAIN, "name service is silent: 1", True)],
)
def test_names_that_do_not_resolve(crawled, monkeypatch, code, says, is_transient):
    def unknown(*args, **kwargs):
        raise socket.gaierror(code, "no name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(StageFailure, match=says) as failure:
        crawled(seeds=["http://docs.example/"], max_retries=1, user_agent="Textmill-test/1 (us@textmill.dev)")
    assert isinstance(failure.value, Transient) == is_transient


def test_no_seed(crawled):
    with pytest.raises(StageFailure, match="no seed"):
        crawled(seeds=[])


def test_wrong_pattern_is_refused_at_the_edge():
    with pytest.raises(ValueError, match="not a regular expression"):
        Web(deny=["("])
