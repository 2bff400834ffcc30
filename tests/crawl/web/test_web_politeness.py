"""Requests of a site to a crawler (robots.txt, Retry-After, noindex), against a real server on loopback."""

import itertools
import time
from email.utils import formatdate
from urllib.parse import urlsplit

import pytest

from tasks.crawl.sources.web import Web
from tasks.crawl.web.robots import MAX_ROBOTS_BYTES
from tasks.errors import StageFailure, Transient

CONTACT = "Textmill-test/1 (us@textmill.dev)"


def paths(rows, status=200):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == status)


def robots(site, text):
    site.pages["/robots.txt"] = site.Answer(text.encode(), headers={"Content-Type": "text/plain"})


def test_robots_txt_goes_by_the_product_name(site, crawled, index):
    site.pages |= {"/": site.page("/a", "/b"), "/a": site.page(text="a"), "/b": site.page(text="b")}
    robots(
        site, "User-agent: crawler\nDisallow: /\n\nUser-agent: textmill\nDisallow: /b\n\nUser-agent: *\nDisallow: /a\n"
    )
    assert paths(index(crawled(user_agent="Textmill/0.1 (+https://textmill.dev/crawler)").path)) == ["/", "/a"]


def test_robots_txt_without_end_is_read_as_far_as_it_must(site, crawled, index):
    rules = b"User-agent: *\nDisallow: /a\n"
    filler = b"# " + b"x" * 1022
    site.pages |= {"/": site.page("/a", "/b"), "/a": site.page(text="a"), "/b": site.page(text="b")}
    site.pages["/robots.txt"] = site.Answer(rules + filler * (2 * MAX_ROBOTS_BYTES // 1024), chunks=20)
    draft = crawled()
    assert paths(index(draft.path)) == ["/", "/b"]
    assert draft.counts["skipped"] == {"refused by robots.txt": 1}


def test_crawl_delay_that_is_too_long(site, crawled):
    site.pages["/"] = site.page()
    robots(site, "User-agent: *\nCrawl-delay: 3600\n")
    with pytest.raises(StageFailure, match="Crawl-delay is too long: 1") as failure:
        crawled(max_retry_after=60)
    assert "max_retry_after" in failure.value.hint
    assert not site.asked()


@pytest.mark.slow
def test_retry_after_holds_for_the_whole_host(site, crawled, index):
    busy = site.Answer(status=503, headers={"Retry-After": "1", "Content-Type": "text/html"})
    links = [f"/{n}" for n in range(3)]
    site.pages["/"] = site.page(*links)
    site.pages |= {link: lambda before, link=link: site.page(text=link) if before else busy for link in links}
    assert paths(index(crawled(max_concurrency_per_host=1).path)) == ["/", *links]
    times = sorted(time for time, path in site.log if path in links)
    refused = [min(time for time, path in site.log if path == link) for link in links]
    for refused_at in refused:
        later = [time for time in times if time > refused_at]
        assert min(later) - refused_at > 0.95, "after each 503 nothing was asked for a second"


def test_retry_after_as_a_date(site, crawled, index):
    def busy(before):
        date = formatdate(time.time() + 2, usegmt=True)  # whole seconds: between one and two from now
        headers = {"Retry-After": date, "Content-Type": "text/html"}
        return site.page() if before else site.Answer(status=429, headers=headers)

    site.pages["/"] = busy
    assert paths(index(crawled().path)) == ["/"]
    first, second = (time for time, path in site.log if path == "/")
    assert second - first > 0.9


def test_retry_after_that_is_too_long_leaves_the_host_for_another_run(site, crawled, index):
    links = [f"/{n}" for n in range(9)]
    site.pages["/"] = site.page(*links)
    site.pages |= {link: site.page(text=link) for link in links}
    site.pages["/5"] = site.Answer(status=503, headers={"Retry-After": "3600", "Content-Type": "text/html"})
    draft = crawled(max_concurrency_per_host=1)
    assert site.asked()["/5"] == 1
    fetched = len(paths(index(draft.path)))
    assert draft.counts["skipped"] == {"host asks to wait longer": 10 - fetched}


def test_a_host_that_is_always_busy_is_given_up(site, crawled):
    links = [f"/{n}" for n in range(30)]
    site.pages["/"] = site.page(*links)
    site.pages |= {link: site.Answer(status=429, headers={"Content-Type": "text/html"}) for link in links}
    with pytest.raises(Transient, match="host gave no answer: 25"):
        crawled(max_retries=1, max_concurrency_per_host=1)
    asked = site.asked()
    assert asked.pop("/") <= 4, "again to see whether it answers at all"
    assert len(asked) == 5
    assert sum(asked.values()) <= 5 * 2 + 3, "five URLs and their retries, and probes of them"


def test_throttle_goes_by_latency(site, crawled):
    links = [f"/{n}" for n in range(8)]
    site.pages["/"] = site.page(*links)
    site.pages |= {link: site.page(text=link, wait=0.2) for link in links}
    crawled(autothrottle_target=1, max_concurrency_per_host=4)
    times = sorted(time for time, path in site.log if path in links)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert sum(pause > 0.18 for pause in pauses) >= 4, "after the first slow answers one at a time"


def test_page_robots(site, crawled, index):
    def asking(content, *links, text):
        return site.page(*links, text=text, head=f'<meta name="robots" content="{content}">')

    header = site.page("/g", text="f")
    header.headers = {**header.headers, "X-Robots-Tag": "otherbot: none, textmill-test: noindex"}
    site.pages |= {
        "/": site.page("/a", "/b", "/c", "/f", "/gone", text="front"),
        "/a": asking("noindex", "/d", text="a"),
        "/b": asking("nofollow", "/e", text="b"),
        "/c": asking("none", "/e", text="c"),
        "/f": header,
        "/gone": site.Answer(status=404, headers={"Content-Type": "text/html", "X-Robots-Tag": "noindex"}),
        **{path: site.page(text=path) for path in ("/d", "/e", "/g")},
    }
    draft = crawled(user_agent=CONTACT)
    assert paths(index(draft.path)) == ["/", "/b", "/d", "/g"]
    assert paths(index(draft.path), 404) == ["/gone"]
    assert draft.counts["skipped"] == {"noindex": 3}
    assert draft.counts["links"] == {"links with rel=nofollow": 2}
    assert "/e" not in site.asked()
    assert "| links with rel=nofollow | 2 |" in (draft.path / "summary.md").read_text()


def test_no_page_but_such_that_ask_not_to_be_kept(site, crawled):
    site.pages["/"] = site.page(head='<meta name="robots" content="noindex">')
    with pytest.raises(StageFailure, match="noindex: 1") as failure:
        crawled()
    assert "owner" in failure.value.hint


def test_contact_is_needed_for_other_machines():
    for settings in (
        Web(seeds=["https://docs.python.org/"]),
        Web(seeds=["http://localhost/"], hosts=["docs.python.org"]),
    ):
        with pytest.raises(StageFailure, match="how to reach you") as failure:
            settings.semantic()
        assert "crawl.source.web.user_agent" in failure.value.hint
    Web(seeds=["https://docs.python.org/"], user_agent=CONTACT).semantic()
    Web(seeds=["http://127.0.0.1:8000/", "http://localhost/", "http://[::1]/"]).semantic()


def test_what_no_crawl_can_begin_with_is_known_before_it_begins():
    with pytest.raises(StageFailure, match="no seed"):
        Web().semantic()
    with pytest.raises(StageFailure, match="not a URL"):
        Web(seeds=["nonsense"]).semantic()


def test_nameless_crawl_of_this_machine_goes_nowhere_else(site, crawled, index):
    site.pages["/"] = site.page("/moved")
    site.pages["/moved"] = site.moved("http://docs.python.org/")
    draft = crawled(hosts=[])
    assert paths(index(draft.path)) == ["/"]
    site.pages["/"] = site.moved("http://docs.python.org/")  # a seed may lead to another host
    with pytest.raises(StageFailure, match="user agent without a contact: 1") as failure:
        crawled()
    assert "user_agent" in failure.value.hint
