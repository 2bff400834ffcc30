"""The machines that a crawl connects to, against a real server on loopback."""

import socket
from urllib.parse import urlsplit

import pytest

from tasks.crawl.sources.web import Web
from tasks.errors import StageFailure

CONTACT = "Textmill-test/1 (us@textmill.dev)"


@pytest.fixture
def names(site, monkeypatch):
    """Names that resolve to addresses of our choice; what was asked is recorded."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolved(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return known


def port(site):
    return urlsplit(site.address).port


def paths(rows):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == 200)


def test_private_seeds_are_known_before_the_crawl():
    for seed in ("http://10.0.0.1/", "http://[fc00::1]/", "http://169.254.169.254/latest/"):
        with pytest.raises(StageFailure, match="not a public address") as failure:
            Web(seeds=[seed], user_agent=CONTACT).semantic()
        assert "private_addresses" in failure.value.hint
        Web(seeds=[seed], user_agent=CONTACT, private_addresses=True).semantic()


def test_links_and_redirects_to_private_addresses(site, crawled, index):
    site.pages |= {
        "/": site.page("/moved", "http://10.0.0.1/x", "http://192.168.0.1:99/y"),
        "/moved": site.moved("/new"),
    }
    site.pages["/new"] = site.moved("http://169.254.169.254/latest/meta-data/")
    hosts = ["127.0.0.1", "10.0.0.1", "192.168.0.1", "169.254.169.254"]
    draft = crawled(hosts=hosts, user_agent=CONTACT, max_retries=3)
    assert paths(index(draft.path)) == ["/"]
    assert draft.counts["skipped"] == {"private address": 3}


def test_a_name_that_resolves_to_this_machine(site, names, crawled, index):
    names["docs.textmill.dev"] = ["127.0.0.1"]
    seed = f"http://docs.textmill.dev:{port(site)}/"
    site.pages["/"] = site.page()
    with pytest.raises(StageFailure, match="private address: 1") as failure:
        crawled(seeds=[seed], user_agent=CONTACT)
    assert "private_addresses" in failure.value.hint
    assert not site.log, "not even robots.txt was asked for"
    assert paths(index(crawled(seeds=[seed], user_agent=CONTACT, private_addresses=True).path)) == ["/"]


def test_a_seed_on_loopback_opens_loopback_only(site, names, crawled, index):
    names |= {"docs.textmill.dev": ["127.0.0.1"], "inside.textmill.dev": ["10.0.0.1"]}
    site.pages["/"] = site.page(f"http://docs.textmill.dev:{port(site)}/a", "http://inside.textmill.dev/b")
    site.pages["/a"] = site.page(text="a")
    draft = crawled(hosts=["127.0.0.1", "docs.textmill.dev", "inside.textmill.dev"], user_agent=CONTACT)
    assert paths(index(draft.path)) == ["/", "/a"]
    assert draft.counts["skipped"] == {"private address": 1}


def test_a_seed_on_loopback_opens_its_port_only(site, names, crawled, index):
    with type(site)().serving() as inside:
        names["docs.textmill.dev"] = ["127.0.0.1"]
        inside.pages["/"] = inside.page(text="inside")
        site.pages |= {
            "/": site.page(inside.url("/"), f"http://docs.textmill.dev:{port(inside)}/", "/moved"),
            "/moved": site.moved(inside.url("/secret")),
            "/robots.txt": site.Answer(f"Sitemap: {inside.url('/map.xml')}".encode()),
        }
        draft = crawled(hosts=["127.0.0.1", "docs.textmill.dev"], user_agent=CONTACT)
        assert not inside.log
    assert paths(index(draft.path)) == ["/"]
    assert draft.counts["skipped"] == {"private address": 3, "sitemap cannot be read": 1}


def test_a_name_that_resolves_to_several_addresses(site, names, crawled, index):
    names["docs.textmill.dev"] = ["10.0.0.1", "127.0.0.1"]  # the second one is allowed
    site.pages["/"] = site.page(f"http://docs.textmill.dev:{port(site)}/a")
    site.pages["/a"] = site.page(text="a")
    draft = crawled(hosts=["127.0.0.1", "docs.textmill.dev"], user_agent=CONTACT)
    assert paths(index(draft.path)) == ["/", "/a"]


def test_a_sitemap_on_a_private_address(site, crawled):
    site.pages["/"] = site.page()
    draft = crawled(sitemaps={"urls": ["http://10.0.0.1/sitemap.xml"]}, user_agent=CONTACT)
    assert draft.counts["skipped"] == {"sitemap cannot be read": 1}


def test_through_a_proxy_addresses_are_judged_by_how_they_are_written(site, crawled, index, monkeypatch):
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    public = "http://docs.textmill.dev/"
    site.pages |= {public: site.page("http://10.0.0.1/", "http://localhost/"), f"{public}robots.txt": site.Answer(b"")}
    draft = crawled(seeds=[public], hosts=["docs.textmill.dev", "10.0.0.1", "localhost"], user_agent=CONTACT)
    assert [row["url"] for row in index(draft.path)] == [public]
    assert draft.counts["skipped"] == {"private address": 2}
