"""A site that goes away in the middle of a crawl: nothing half done is taken for done."""

import json
import logging
import signal
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

from tasks.crawl.task import crawl
from tasks.crawl.web.continuation import FRONTIER, UNANSWERED_URLS, take_over
from tasks.crawl.web.journal import BATCH_LINES
from tasks.errors import Transient
from tasks.store.manifest import EXPLANATORY_FILES

pytestmark = pytest.mark.slow
NUM_PAGES = 60


class Outage:
    """Makes a site fail after `after` answers, until it was asked `failures` times, `seconds` later, or `end`."""

    def __init__(self, site, after, failures=10**9, answer=None, seconds=10**9):
        self.site, self.after, self.failures, self.answer, self.seconds = site, after, failures, answer, seconds
        self.began = None
        self.pages = dict(site.pages)
        self.num_answers, self.lock = 0, threading.Lock()
        site.pages |= {path: self._make(path) for path in [*site.pages, "/robots.txt"]}

    def _make(self, path):
        def reply(before):
            with self.lock:
                self.num_answers += 1
                is_away = self.after < self.num_answers <= self.after + self.failures
                if is_away:
                    self.began = self.began or time.monotonic()
                    is_away = time.monotonic() < self.began + self.seconds
            if is_away:
                return self.answer or self.site.hang_up()
            page = self.pages.get(path, self.site.Answer(b"", 404))
            return page(before) if callable(page) else page

        return reply

    def end(self):
        self.failures = 0


def add_tree(site, count=NUM_PAGES):
    """Add pages that are found a few at a time."""
    for n in range(count):
        site.pages[f"/{n}"] = site.page(*(f"/{m}" for m in (2 * n + 1, 2 * n + 2) if m < count), text=f"page {n} " * 9)
    site.pages["/"] = site.page("/0", text="front")


def list_pages(folder, index):
    return sorted(urlsplit(row["url"]).path for row in index(folder) if row["status"] == 200)


ALL_PAGES = sorted(["/", *(f"/{n}" for n in range(NUM_PAGES))])


@pytest.mark.parametrize("status", [0, 503, 502, 429])
def test_an_outage_is_waited_for_and_nothing_is_lost(site, crawled, index, caplog, status):
    add_tree(site)
    # longer than the pause before the first probe
    Outage(site, 30, answer=site.Answer(b"down", status) if status else None, seconds=1.5)
    with caplog.at_level(logging.INFO, logger="textmill.crawl"):
        draft = crawled(max_outage=60)
    assert list_pages(draft.path, index) == ALL_PAGES
    assert draft.incomplete_reasons == []
    assert draft.counts["unanswered"] == {}
    assert not (draft.path / UNANSWERED_URLS).exists()
    assert "127.0.0.1 does not answer" in caplog.text
    assert "asked again in" in caplog.text
    assert "answers again after" in caplog.text


def test_a_host_that_stays_away_makes_the_crawl_incomplete_and_the_next_run_completes_it(
    site, settings, make_draft, index
):
    add_tree(site)
    outage = Outage(site, 40)
    draft = make_draft("first")
    crawl.build(settings(max_outage=0.3), draft)
    fetched = list_pages(draft.path, index)
    assert 30 <= len(fetched) < 40
    [reason] = draft.incomplete_reasons
    lost = [json.loads(line) for line in (draft.path / UNANSWERED_URLS).read_text().splitlines()]
    assert reason.startswith(f"{len(lost)} URLs of 127.0.0.1 got no answer (")
    assert draft.counts["unanswered"] == {"127.0.0.1": len(lost)}
    assert "127.0.0.1" in (draft.path / "summary.md").read_text()
    assert FRONTIER.startswith(EXPLANATORY_FILES)
    assert UNANSWERED_URLS.startswith(EXPLANATORY_FILES)

    outage.end()
    before = site.asked()
    second = make_draft("second")
    second.incomplete_artifact = draft.path
    crawl.build(settings(max_outage=0.3), second)
    assert list_pages(second.path, index) == ALL_PAGES
    assert second.incomplete_reasons == []
    assert {path: site.asked()[path] for path in fetched} == {path: before[path] for path in fetched}
    assert list_pages(draft.path, index) == fetched, "the incomplete artifact changed"
    rows = index(second.path)
    for row in rows:
        assert (second.path / row["warc"]).stat().st_size >= row["offset"] + row["length"]


def test_another_host_goes_on_meanwhile(site, settings, make_draft, index):
    add_tree(site, 20)
    with type(site)().serving() as other:
        other.pages |= {f"/{n}": other.page(f"/{n + 1}", text=f"{n}") for n in range(15)}
        outage = Outage(site, 12)
        front, answered = other.url("/0").replace("127.0.0.1", "localhost"), threading.Event()

        def finish():
            while other.asked()["/15"] == 0:
                time.sleep(0.02)
            answered.set()
            outage.end()

        threading.Thread(target=finish, daemon=True).start()
        draft = make_draft()
        crawl.build(settings(seeds=[site.url("/"), front], max_outage=60), draft)
    assert answered.is_set()
    assert len(list_pages(draft.path, index)) == 21 + 15
    assert draft.incomplete_reasons == []


def test_one_url_that_never_answers_is_dead_after_two_runs(site, settings, make_draft, index):
    add_tree(site)
    site.pages["/7"] = site.hang_up
    first = make_draft("first")
    crawl.build(settings(max_outage=60), first)
    assert first.incomplete_reasons == ["1 URL of 127.0.0.1 got no answer (connection broke: 1)"]
    second = make_draft("second")
    second.incomplete_artifact = first.path
    crawl.build(settings(max_outage=60), second)
    assert second.incomplete_reasons == []
    assert second.counts["dead"] == 1
    assert second.counts["skipped"]["connection broke"] == 1


def test_a_dead_url_stays_dead_in_the_next_snapshot(site, snapshot):
    add_tree(site)
    site.pages["/7"] = site.hang_up
    first, artifact = snapshot("one", max_outage=60)
    second, _ = snapshot("two", artifact, max_outage=60)
    assert first.incomplete_reasons
    assert second.incomplete_reasons == []


def test_a_status_503_is_asked_for_again_by_the_next_run(site, settings, make_draft, index):
    add_tree(site)
    healthy, site.pages["/7"] = site.pages["/7"], site.Answer(b"not now", 503)
    first = make_draft("first")
    crawl.build(settings(max_outage=60), first)
    assert first.incomplete_reasons == ["1 URL of 127.0.0.1 got no answer (status 503: 1)"]
    site.pages["/7"] = healthy
    second = make_draft("second")
    second.incomplete_artifact = first.path
    crawl.build(settings(max_outage=60), second)
    assert list_pages(second.path, index) == ALL_PAGES
    assert second.incomplete_reasons == []


@pytest.mark.parametrize("status", [404, 403, 410, 501])
def test_what_cannot_heal_makes_no_crawl_incomplete(site, crawled, status):
    add_tree(site)
    site.pages["/7"] = site.Answer(b"no", status)
    site.pages["/robots.txt"] = site.Answer(b"User-agent: *\nDisallow: /9\n")
    draft = crawled(max_outage=60)
    assert draft.incomplete_reasons == []


def test_a_crawl_that_loses_too_much_fails(site, crawled):
    add_tree(site)
    Outage(site, 20)
    with pytest.raises(Transient, match="network went away"):
        crawled(max_outage=0.1, max_lost=0.05)


def test_a_crawl_that_reached_its_limit_is_complete(site, crawled):
    add_tree(site)
    site.pages["/2"] = site.hang_up
    assert crawled(max_pages=20).incomplete_reasons == []


def test_killed_in_an_outage_it_resumes(site, settings, make_draft, index, killed_after):
    add_tree(site)
    outage = Outage(site, 30)
    draft = make_draft()
    killed_after(settings(max_outage=600), draft.path, 50, site)
    outage.end()
    crawl.build(settings(max_outage=600), draft)
    assert list_pages(draft.path, index) == ALL_PAGES
    assert Counter(row["url"] for row in index(draft.path)).most_common(1)[0][1] == 1


def test_a_continuation_that_is_killed_resumes(site, settings, make_draft, index, killed_after):
    add_tree(site)
    outage = Outage(site, 30)
    first = make_draft("first")
    crawl.build(settings(max_outage=0.1), first)
    outage.end()
    second = make_draft("second")
    second.incomplete_artifact = first.path
    take_over(second)
    killed_after(settings(), second.path, 12, site)
    crawl.build(settings(), second)
    assert list_pages(second.path, index) == ALL_PAGES


def test_a_lost_sitemap_makes_a_crawl_incomplete(site, settings, make_draft, index):
    site.pages |= {"/": site.page(text="front"), "/lone": site.page(text="lone")}
    listing = f"<urlset><url><loc>{site.url('/lone')}</loc></url></urlset>".encode()
    site.pages["/robots.txt"] = site.Answer(f"Sitemap: {site.url('/map.xml')}".encode())
    site.pages["/map.xml"] = site.Answer(b"", 503)
    first = make_draft("first")
    crawl.build(settings(), first)
    assert first.incomplete_reasons == ["1 URL of 127.0.0.1 got no answer (sitemap cannot be read: status 503: 1)"]
    site.pages["/map.xml"] = site.Answer(listing, headers={"Content-Type": "application/xml"})
    second = make_draft("second")
    second.incomplete_artifact = first.path
    crawl.build(settings(), second)
    assert list_pages(second.path, index) == ["/", "/lone"]
    assert second.incomplete_reasons == []


def test_a_crawl_that_resumes_while_its_host_is_away_waits_for_it(site, settings, make_draft, index, killed_after):
    """Also for robots.txt, whose failure must not be taken for a refusal, and for the sitemap that it names."""
    add_tree(site)
    site.pages["/robots.txt"] = site.Answer(f"Sitemap: {site.url('/map.xml')}".encode())
    site.pages["/map.xml"] = site.Answer(
        f"<urlset><url><loc>{site.url('/0')}</loc></url></urlset>".encode(), headers={"Content-Type": "text/xml"}
    )
    # more pages than a batch of the journal has: that one came from this host must be on disk before the kill
    outage = Outage(site, BATCH_LINES + 13, answer=site.Answer(b"down", 503))
    draft = make_draft()
    killed_after(settings(max_outage=600), draft.path, outage.after + 15, site)
    outage.failures = outage.num_answers - outage.after + 8
    crawl.build(settings(max_outage=60), draft)
    assert list_pages(draft.path, index) == ALL_PAGES
    assert draft.incomplete_reasons == []
    assert "refused by robots.txt" not in str(draft.counts["skipped"])


def test_interrupted_while_it_waits_it_ends_and_goes_on(site, settings, make_draft, index, request, caplog):
    add_tree(site)
    outage = Outage(site, 30)
    draft, heard = make_draft(), threading.Event()

    def hear(*_):
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    def interrupt():
        while "does not answer" not in caplog.text:
            time.sleep(0.02)
        while not heard.wait(0.1):
            signal.siginterrupt(signal.SIGINT, True)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, hear)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as raised:
        crawl.build(settings(max_outage=600), draft)
    assert raised.value.__notes__[0].startswith("answers kept: ")
    outage.end()
    crawl.build(settings(max_outage=600), draft)
    assert list_pages(draft.path, index) == ALL_PAGES


def test_a_host_whose_pages_run_out_in_an_outage_ends_the_crawl(site, crawled):
    add_tree(site)
    Outage(site, 15, 12, site.Answer(b"down", 503))
    draft = crawled(max_outage=60, per_host_limits={"max_pages": 20})
    assert draft.counts["pages"] == 20
    assert draft.incomplete_reasons == []
