"""Pages that a site lists, against a real server on loopback."""

import gzip
import json
from urllib.parse import urlsplit

import pytest

from tasks.crawl.sources.web import Web
from tasks.crawl.task import crawl


def paths(rows):
    return sorted(urlsplit(row["url"]).path for row in rows if row["status"] == 200)


def listing(site, *entries):
    """A sitemap of (path, lastmod)."""
    urls = "".join(f"<url><loc>{site.url(path)}</loc><lastmod>{lastmod}</lastmod></url>" for path, lastmod in entries)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode()


def xml(site, body):
    return site.Answer(body, headers={"Content-Type": "application/xml"})


@pytest.fixture
def listed(site):
    """A site whose pages are not linked: an index in robots.txt, a gzipped sitemap behind a redirect, a missing one."""
    index = "".join(
        f"<sitemap><loc>{site.url(path)}</loc></sitemap>" for path in ("/moved.xml.gz", "/b.xml", "/gone.xml")
    )
    site.pages |= {
        "/robots.txt": site.Answer(f"User-agent: *\nDisallow: /private\nSitemap: {site.url('/index.xml')}\n".encode()),
        "/index.xml": xml(
            site, f"<sitemapindex>{index}<sitemap><loc>/index.xml</loc></sitemap></sitemapindex>".encode()
        ),
        "/moved.xml.gz": site.moved("/a.xml.gz"),
        "/a.xml.gz": site.Answer(
            gzip.compress(
                listing(site, ("/new?utm_source=map", "2026-05-01"), ("/old", "2020-01-01"), ("/private", ""))
            ),
            headers={"Content-Type": "application/gzip"},
        ),
        "/b.xml": xml(site, listing(site, ("/undated", ""), ("/new", "2026-05-01"))),
        "/": site.page("/old", text="front"),
        "/new": site.page("/linked", text="new"),
        **{path: site.page(text=path) for path in ("/old", "/undated", "/linked", "/private")},
    }


def test_sitemaps_of_robots_txt(site, listed, crawled, index):
    draft = crawled()
    assert paths(index(draft.path)) == ["/", "/linked", "/new", "/old", "/undated"]
    assert draft.counts["skipped"] == {"refused by robots.txt": 1, "sitemap cannot be read": 1}
    asked = site.asked()
    assert all(asked[path] == 1 for path in ("/index.xml", "/moved.xml.gz", "/a.xml.gz", "/b.xml", "/gone.xml"))
    assert paths(index(crawled(sitemaps={"from_robots": False}).path)) == ["/", "/old"]


def test_sitemaps_that_are_given(site, listed, crawled, index):
    draft = crawled(sitemaps={"from_robots": False, "urls": [site.url("/b.xml")]})
    assert paths(index(draft.path)) == ["/", "/linked", "/new", "/old", "/undated"]


def test_only_what_was_modified_since(site, listed, crawled, index):
    draft = crawled(sitemaps={"modified_since": "2026-01-01"})
    assert paths(index(draft.path)) == ["/", "/linked", "/new", "/undated"]
    assert draft.counts["skipped"]["not modified since"] == 1


def test_depth_patterns_and_hosts_hold_for_sitemaps(site, listed, crawled, index):
    site.pages["/b.xml"] = xml(site, b"<urlset><url><loc>http://elsewhere.invalid/</loc></url></urlset>")
    draft = crawled(allow=["/old"])
    assert paths(index(draft.path)) == ["/", "/old"]
    assert draft.counts["skipped"]["other host"] == 1
    assert paths(index(crawled(max_depth=0).path)) == ["/"]


def test_a_limit_and_the_same_pages_every_time(site, crawled, index):
    pages = [f"/{n}" for n in range(50)]
    site.pages |= {path: site.page(text=path) for path in pages}
    site.pages["/"] = site.page(*pages[:25])
    site.pages["/s.xml"] = xml(site, listing(site, *((path, "") for path in pages)))
    sitemaps = {"urls": [site.url("/s.xml")]}
    draft = crawled(sitemaps={**sitemaps, "max_urls": 30})
    assert len(paths(index(draft.path))) == 31
    assert draft.counts["skipped"] == {"sitemap limit of a site": 20}
    first, second = (
        paths(index(crawled(sitemaps=sitemaps, max_pages=20, max_concurrency_per_host=n).path)) for n in (1, 8)
    )
    assert first == second


def test_nothing_is_fetched_again_after_a_kill(site, listed, settings, make_draft, index):
    draft = make_draft()
    crawl.build(settings(), draft)
    all_paths = paths(index(draft.path))
    journal = draft.scratch / "frontier.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]))
    before = site.asked()
    crawl.build(settings(), draft)
    assert paths(index(draft.path)) == all_paths
    done = {urlsplit(json.loads(line)["url"]).path for line in lines[:3]}
    assert all(site.asked()[path] == before[path] for path in done)


def test_a_sitemap_that_is_no_sitemap(site, crawled, index):
    site.pages |= {
        "/": site.page(),
        "/s.xml": site.page(text="sorry"),
        "/slow.xml": site.Answer(b"<a>", chunks=500, pause=0.2),
    }
    draft = crawled(sitemaps={"urls": [site.url("/s.xml"), site.url("/slow.xml"), "nonsense"]}, timeout=2)
    assert paths(index(draft.path)) == ["/"]
    assert draft.counts["skipped"] == {"sitemap cannot be read": 2}


def test_wrong_date_is_refused_at_the_edge():
    with pytest.raises(ValueError, match="not a date"):
        Web.model_validate({"sitemaps": {"modified_since": "soon"}})
