"""Limits of a crawl, per host and in total, against a real server on loopback."""

from collections import Counter
from urllib.parse import urlsplit

import pytest

from tasks.crawl.task import crawl


@pytest.fixture
def two_hosts(site):
    """Two names of one server, with twenty pages each."""
    links = [f"/{n}" for n in range(20)]
    elsewhere = site.address.replace("127.0.0.1", "localhost")
    site.pages |= {link: site.page(text=link * 500) for link in links}
    site.pages["/"] = site.page(*links)
    return [site.url("/"), f"{elsewhere}/"]


def hosts(rows):
    return Counter(urlsplit(row["url"]).hostname for row in rows)


@pytest.mark.parametrize("per_host", [1, 8])
def test_pages_of_a_host(two_hosts, crawled, index, per_host):
    draft = crawled(seeds=two_hosts, per_host_limits={"max_pages": 7}, max_concurrency_per_host=per_host)
    assert hosts(index(draft.path)) == {"127.0.0.1": 7, "localhost": 7}
    assert draft.counts["skipped"] == {"page limit of a host": 28}


def test_bytes(two_hosts, crawled, index):
    draft = crawled(seeds=two_hosts, per_host_limits={"max_total_megabytes": 0.005}, max_concurrency_per_host=1)
    assert all(4 <= pages <= 7 for pages in hosts(index(draft.path)).values())
    assert list(draft.counts["skipped"]) == ["byte limit of a host"]
    draft = crawled(max_total_megabytes=0.005, max_concurrency_per_host=1)
    assert 4 <= len(index(draft.path)) <= 7
    assert list(draft.counts["skipped"]) == ["byte limit"]


def test_time(site, crawled, index):
    site.pages["/"] = site.page(*(f"/{n}" for n in range(100)))
    site.pages |= {f"/{n}": site.page(text=str(n), wait=0.05) for n in range(100)}
    for limit, reason in (
        ({"max_minutes": 0.01}, "time limit"),
        ({"per_host_limits": {"max_minutes": 0.01}}, "time limit of a host"),
    ):
        draft = crawled(max_concurrency_per_host=1, **limit)
        assert 1 <= len(index(draft.path)) <= 30
        assert list(draft.counts["skipped"]) == [reason]


def test_budgets_hold_over_a_restart(site, two_hosts, settings, make_draft, index):
    draft = make_draft()
    crawl_settings = settings(seeds=two_hosts, per_host_limits={"max_pages": 7})
    crawl.build(crawl_settings, draft)
    first, asked, counts = index(draft.path), site.asked(), draft.counts["skipped"]
    crawl.build(crawl_settings, draft)
    assert site.asked() == asked
    assert index(draft.path) == first
    assert draft.counts["skipped"] == counts
