"""Three real sites behind servers that misbehave: exactly the expected pages are fetched, also after kill -9."""

import gzip
from collections import Counter, deque
from contextlib import ExitStack
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from tasks.crawl.task import crawl

MAX_DEPTH = 9
MAX_PATH_REPEATS = 4  # of a part of a path: the default of the trap settings
TIMEOUT = 3.0
FORBIDDEN = "/fa-IR/"
FLAKY = {"/de-DE/apt.html": 503, "/fr-FR/apt.html": 503, "/ja-JP/apt.html": 429}
SLOW = ("/en-US/apt.html", "/zh-CN/apt.html", "/ro-RO/apt.html", "/zh-TW/apt.html")
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def servers(site, shared):
    """The handbook, the install guide and the reference, each with its own misbehaviour, all found from one page."""
    with ExitStack() as stack:
        handbook, guide, reference = site, *(stack.enter_context(type(site)().serving()) for _ in range(2))
        add_pages(handbook, shared("site-handbook") / "html", HTML | {"Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"})
        add_pages(guide, shared("site-install-guide"), HTML)  # says nothing of changes: bytes are compared
        add_pages(reference, shared("site-debian-reference") / "debian-reference", HTML | {"ETag": '"first"'})
        locales = sorted({path.split("/")[1] for path in handbook.pages})
        handbook.pages |= {
            "/": site.page(
                *(f"/{locale}/index.html" for locale in locales),
                *(guide.url(f"/manual/{language}") for language in ("en", "de", "zh_CN")),
                *(guide.url(path) for path in ("/loop/1", "/calendar/0", "/up/")),
                *(reference.url(path) for path in ("/index.en.html", "/index.zh-cn.html", "/bomb", "/endless")),
                "/broken",
            ),
            "/robots.txt": site.Answer(f"User-agent: *\nDisallow: {FORBIDDEN}\n".encode()),
            "/broken": site.Answer(b"never well", 503),
        }
        for path in SLOW:
            handbook.pages[path].wait = 0.5
        for path, status in FLAKY.items():
            handbook.pages[path] = flaky(site, handbook.pages[path], status)
        guide.pages |= {f"/manual/{name}": site.moved(f"/{name}/index.html", 302) for name in ("en", "de", "zh_CN")}
        guide.pages |= {"/loop/1": site.moved("/loop/2"), "/loop/2": site.moved("/loop/1")}
        guide.pages |= {f"/calendar/{n}": site.page(f"/calendar/{n + 1}", text=f"day {n}") for n in range(100)}
        guide.pages[f"/calendar/{MAX_DEPTH - 2}"] = site.page("/silent", text="asked for at the end")
        guide.pages["/silent"] = site.page(wait=10 * TIMEOUT)
        guide.pages |= {f"/{'up/' * n}": site.page("up/", text=f"{n} up") for n in range(1, 30)}
        reference.pages["/bomb"] = site.Answer(
            gzip.compress(bytes(50_000_000)), headers=HTML | {"Content-Encoding": "gzip"}
        )
        reference.pages["/endless"] = site.Answer(b"<p>and so on</p>" * 10_000, headers=HTML, chunks=1_000)
        yield handbook, guide, reference


def add_pages(site, folder, headers):
    site.pages |= {
        f"/{path.relative_to(folder).as_posix()}": site.Answer(path.read_bytes(), headers=headers)
        for path in sorted(folder.rglob("*.html"))
    }


def flaky(site, answer, status):
    first = site.Answer(b"not now", status, headers={"Retry-After": "1"} if status == 429 else {})
    return lambda before: answer if before else first


class Anchors(HTMLParser):
    """The links of a page, as the standard library's parser finds them."""

    def __init__(self, html):
        super().__init__()
        self.links = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attribute_values = dict(attributes)
        if (
            tag in ("a", "area")
            and attribute_values.get("href")
            and "nofollow" not in (attribute_values.get("rel") or "")
        ):
            self.links.append(attribute_values["href"])


def expected_statuses(servers):
    """Walk the servers' own tables, and return what must be stored: URL → status."""
    by_netloc = {urlsplit(server.address).netloc: server for server in servers}
    waiting, statuses = deque([(servers[0].url("/"), 0)]), {}
    seen = {waiting[0][0]}
    while waiting:
        url, depth = waiting.popleft()
        parts = urlsplit(url)
        answer = by_netloc[parts.netloc].pages.get(parts.path)
        answer = answer(99) if callable(answer) else answer
        if answer and (answer.wait > TIMEOUT or answer.chunks or "Content-Encoding" in answer.headers):
            continue
        statuses[url] = answer.status if answer else 404
        if statuses[url] == 200:
            links, depth = Anchors(answer.body.decode()).links, depth + 1
        else:
            links = [answer.headers["Location"]] if answer and "Location" in answer.headers else []
        for link in (urldefrag(urljoin(url, href.strip())).url for href in links):
            target = urlsplit(link)
            endless = max(Counter(target.path.strip("/").split("/")).values()) > MAX_PATH_REPEATS or depth > MAX_DEPTH
            forbidden = target.netloc == parts.netloc and target.path.startswith(FORBIDDEN)
            if target.netloc in by_netloc and not endless and not forbidden and link not in seen:
                seen.add(link)
                waiting.append((link, depth))
    return statuses


def stored_statuses(rows):
    """Return URL → status; a page that repeats another's bytes was a 200."""
    return {row["url"]: 200 if row["status"] == 304 else row["status"] for row in rows}


def test_exactly_the_expected_pages(servers, settings, make_draft, index, killed_after, committed, as_artifact):
    crawl_settings = settings(
        seeds=[servers[0].url("/")],
        max_depth=MAX_DEPTH,
        max_pages=5_000,
        timeout=TIMEOUT,
        max_retries=1,
        max_outage=60,
        private_addresses=True,  # the seed opens the port of the first site only
        max_concurrency_per_host=8,
        max_megabytes=5,
    )
    everything = expected_statuses(servers)
    pages = {url for url, status in everything.items() if status == 200}
    assert len(pages) > 1_000, "the walk did not find the sites"
    draft, done = make_draft("one"), {}
    for asked in (300, 500):
        killed_after(crawl_settings, draft.path, asked, *servers)
        before = stored_statuses(line["row"] for line in committed(draft) if "row" in line)
        assert before.items() <= everything.items()
        done |= {url: count for url, count in count_requests(servers).items() if url in before and url not in done}
    assert len(done) > 500
    crawl.build(crawl_settings, draft)
    rows = index(draft.path)
    assert len(rows) == len(everything)
    assert stored_statuses(rows) == everything
    after = count_requests(servers)
    assert {url: after[url] for url in done} == done, "a committed page was fetched again"
    for reason in ("refused by robots.txt", "path repeats itself", "timeout", "too large", "unpacks to too much"):
        assert draft.counts["skipped"][reason] == 1
    assert not any(path.startswith(FORBIDDEN) for path in servers[0].asked())

    gone, changed, new = edit(servers)
    everything = dict.fromkeys(pages, 200) | expected_statuses(
        servers
    )  # what is linked no more is asked for all the same
    again = make_draft("two")
    crawl.build(crawl_settings, again, as_artifact(draft.path, "crawl"))
    assert stored_statuses(index(again.path)) == everything
    assert {row["url"]: row["change"] for row in index(again.path) if row["change"]} == {
        **dict.fromkeys(pages, "unchanged"),
        **dict.fromkeys(changed, "changed"),
        gone: "gone",
        new: "new",
    }
    assert again.counts["bytes"] < 1e6 < draft.counts["bytes"]


def edit(servers):
    """Change the sites before the next snapshot: remove a page, edit two, add one, and link to no Japanese page."""
    handbook, guide, reference = servers
    handbook.pages["/"].body = handbook.pages["/"].body.replace(b"/ja-JP/index.html", b"/de-DE/index.html")
    del guide.pages["/de/ch02s01.html"], guide.pages["/silent"]
    changed = reference.pages["/ch05.en.html"]
    changed.body, changed.headers = changed.body + b'<a href="added.html">more</a>', HTML | {"ETag": '"edited"'}
    reference.pages["/added.html"] = handbook.page(text="added")
    changes = (handbook.url("/"), reference.url("/ch05.en.html"))
    return guide.url("/de/ch02s01.html"), changes, reference.url("/added.html")


def count_requests(servers):
    return Counter({server.url(path): count for server in servers for path, count in server.asked().items()})
