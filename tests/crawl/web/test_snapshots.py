"""Snapshots that build on each other: unchanged pages are not fetched again, and pages that are gone are noticed."""

from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from tasks.clean.extract.crawl_reader import list_index_files
from tasks.clean.extract.crawl_reader import load_page_rows as rows_with_body
from tasks.clean.settings import Clean
from tasks.clean.task import clean, extract
from tasks.crawl.shard import INDEX_SCHEMA
from tasks.crawl.web.previous_snapshot import UNANSWERED_FILE
from tasks.errors import StageFailure


@pytest.fixture
def changes(index):
    """Group the paths of a snapshot's rows by their change."""

    def read(draft):
        paths: dict[str | None, set[str]] = {}
        for row in index(draft.path):
            paths.setdefault(row["change"], set()).add(urlsplit(row["url"]).path)
        return paths

    return read


def add_tag(page, tag):
    page.headers = {**page.headers, "ETag": f'"{tag}"'}
    return page


def add_pages(site):
    site.pages |= {
        "/": site.page("/tagged", "/dated", "/plain", "/edited", "/removed", "/expired", "/moves", "/missing"),
        "/tagged": add_tag(site.page("/deep", "/nowhere", text="tagged"), "t1"),
        "/deep": add_tag(site.page("/deeper", text="deep"), "d1"),
        "/deeper": site.page(text="deeper"),
        "/dated": site.page(text="dated"),
        "/plain": site.page(text="plain"),
        "/edited": add_tag(site.page(text="first edition"), "e1"),
        "/removed": site.page(text="removed"),
        "/expired": add_tag(site.page(text="expired"), "x1"),
        "/moves": site.page(text="moves"),
    }
    site.pages["/dated"].headers |= {"Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}


def edit(site):
    """Change the site as its owner does between two snapshots."""
    site.pages["/edited"] = add_tag(site.page("/added", text="second edition"), "e2")
    site.pages["/added"] = site.page(text="added")
    site.pages["/"] = site.page("/tagged", "/dated", "/plain", "/edited", "/moves", "/missing")  # links to two no more
    del site.pages["/removed"]
    site.pages["/expired"] = site.Answer(b"no more", 410)
    site.pages["/moves"], site.pages["/moved"] = site.moved("/moved"), site.page(text="moved")


def test_unchanged_changed_new_and_gone(site, snapshot, changes, index):
    add_pages(site)
    first, one = snapshot("one")
    assert first.counts["changes"] == {"new": 10}
    edit(site)
    before = site.asked()
    second, two = snapshot("two", one)
    assert changes(second) == {
        "unchanged": {"/tagged", "/deep", "/deeper", "/dated", "/plain"},
        "changed": {"/", "/edited"},
        "new": {"/added", "/moved"},
        "gone": {"/removed", "/expired"},
        "moved": {"/moves"},
        None: {"/missing", "/nowhere"},
    }
    assert second.counts["changes"] == {"changed": 2, "gone": 2, "moved": 1, "new": 2, "unchanged": 5}
    assert second.counts["pages"] == 4
    assert all(count - before[path] <= 1 for path, count in site.asked().items())
    rows = {urlsplit(row["url"]).path: row for row in index(second.path)}
    before_rows = {urlsplit(row["url"]).path: row for row in index(first.path)}
    for path in ("/tagged", "/deep", "/deeper", "/dated", "/plain"):
        for column in ("digest", "content_type", "etag", "last_modified", "num_links"):
            assert rows[path][column] == before_rows[path][column]
        assert rows[path]["refers_to_at"] == before_rows[path]["fetched_at"] < rows[path]["fetched_at"]
    with_body = {urlsplit(row["url"]).path for file in list_index_files(second.path) for row in rows_with_body(file)}
    assert with_body == {"/", "/added", "/edited", "/moved"}
    third, _ = snapshot("three", two)
    assert third.counts["changes"] == {"unchanged": 9}
    assert {urlsplit(row["url"]).path: row["refers_to_at"] for row in index(third.path)}["/deep"] == before_rows[
        "/deep"
    ]["fetched_at"], "a revisit of a revisit refers to the record that has the payload"
    assert not third.counts["pages"]


def test_revisit_records_read_by_warcio_and_fastwarc(site, snapshot):
    add_pages(site)
    _, one = snapshot("one")
    edit(site)
    second, _ = snapshot("two", one)
    [warc] = second.path.glob("warc/*")
    with warc.open("rb") as file:
        records = [
            (record.rec_type, record.rec_headers, record.content_stream().read())
            for record in WarcioIterator(file, check_digests="raise")
        ]
    with warc.open("rb") as file:
        fast = [(r.headers["WARC-Type"], r.record_id) for r in FastIterator(file, verify_digests=True)]
    assert fast == [(kind, head["WARC-Record-ID"]) for kind, head, _ in records]
    profiles = {
        urlsplit(head["WARC-Target-URI"]).path: head["WARC-Profile"].rsplit("/")[-1]
        for kind, head, _ in records
        if kind == "revisit"
    }
    first_missing = {
        urlsplit(head["WARC-Target-URI"]).path
        for kind, head, block in records
        if kind == "response" and b"not here" in block
    }
    assert profiles == {
        **dict.fromkeys(("/tagged", "/deep", "/dated"), "server-not-modified"),
        **dict.fromkeys(("/deeper", "/plain"), "identical-payload-digest"),
        **dict.fromkeys({"/missing", "/nowhere", "/removed"} - first_missing, "identical-payload-digest"),
    }
    answers = {head["WARC-Record-ID"] for kind, head, _ in records if kind in ("response", "revisit")}
    for kind in ("request", "metadata"):
        assert {head["WARC-Concurrent-To"] for record_kind, head, _ in records if record_kind == kind} == answers
    metadata = {urlsplit(head["WARC-Target-URI"]).path: block for kind, head, block in records if kind == "metadata"}
    assert f"via: {site.url('/tagged')}\r\n".encode() in metadata["/deep"]
    assert metadata["/deep"].endswith(f"outlink: {site.url('/deeper')}\r\n".encode())
    assert b"fetchTimeMs: " in metadata["/deep"]


@pytest.mark.parametrize("how", ["slow", "error", "forbidden", "page limit"])
def test_pages_that_give_no_answer_are_asked_for_by_the_next_snapshot(site, snapshot, changes, how):
    add_pages(site)
    _, one = snapshot("one")
    good = site.pages["/tagged"]
    options = {}
    if how == "slow":
        site.pages["/tagged"] = site.page(wait=1.0)
        options = {"timeout": 0.3, "max_retries": 0}
    elif how == "error":
        site.pages["/tagged"] = site.Answer(b"", 500)
        options = {"max_retries": 0}
    elif how == "forbidden":
        site.pages["/robots.txt"] = site.Answer(b"User-agent: *\nDisallow: /tagged")
    else:
        options = {"max_pages": 1}
    second, two = snapshot("two", one, **options)
    unanswered = pq.read_table(second.path / UNANSWERED_FILE)
    assert unanswered.schema == INDEX_SCHEMA
    assert second.counts["changes"]["unanswered"] == unanswered.num_rows == (9 if how == "page limit" else 1)
    assert sum(second.counts["changes"].values()) == 10
    site.pages["/tagged"], site.pages["/robots.txt"] = good, site.Answer(status=404)
    third, _ = snapshot("three", two)
    assert "/tagged" in changes(third)["unchanged"]
    assert third.counts["changes"] == {"unchanged": 10}
    assert not (third.path / UNANSWERED_FILE).exists()


def test_pages_behind_a_seed_that_does_not_answer_are_not_lost(site, snapshot):
    elsewhere = site.address.replace("127.0.0.1", "localhost")
    site.pages |= {
        "/": site.page(text="front"),
        "/other": site.moved(f"{elsewhere}/home"),
        "/home": site.page(text="home"),
    }
    seeds = {"seeds": [site.url("/"), site.url("/other")]}
    _, one = snapshot("one", **seeds)
    moved, site.pages["/other"] = site.pages["/other"], site.hang_up
    second, two = snapshot("two", one, max_retries=0, **seeds)
    assert second.counts["changes"] == {"unchanged": 1, "unanswered": 1}
    site.pages["/other"] = moved
    third, _ = snapshot("three", two, **seeds)
    assert third.counts["changes"] == {"unchanged": 2}


def test_pages_that_left_the_scope_are_left_out(site, snapshot):
    add_pages(site)
    _, one = snapshot("one")
    before = site.asked()
    second, _ = snapshot("two", one, deny=["/deep"])
    assert second.counts["changes"] == {"unchanged": 8}
    assert site.asked()["/deep"] == before["/deep"]


def test_pages_that_ask_not_to_be_kept_any_more_are_forgotten(site, snapshot):
    add_pages(site)
    _, one = snapshot("one")
    site.pages["/plain"] = site.page(text="plain", head='<meta name="robots" content="noindex">')
    second, two = snapshot("two", one)
    assert second.counts["changes"] == {"unchanged": 9, "withdrawn": 1}
    assert not (second.path / UNANSWERED_FILE).exists()
    site.pages["/plain"] = site.page(text="plain")
    third, _ = snapshot("three", two)
    assert third.counts["changes"] == {"unchanged": 9, "new": 1}


def test_links_of_pages_that_are_linked_no_more_are_not_followed(site, snapshot, changes):
    site.pages |= {"/": site.page("/orphan", text="1"), "/orphan": site.page(text="2")}
    _, one = snapshot("one")
    site.pages |= {"/": site.page(text="3"), "/orphan": site.page("/island", text="4"), "/island": site.page()}
    second, _ = snapshot("two", one)
    assert changes(second) == {"changed": {"/", "/orphan"}}


def test_not_modified_though_never_asked(site, crawled, index):
    site.pages |= {"/": site.page("/odd"), "/odd": site.Answer(status=304)}
    draft = crawled()
    assert [row["url"] for row in index(draft.path)] == [site.url("/")]
    assert draft.counts["skipped"] == {"not modified, though nothing was known of it": 1}


@pytest.mark.slow
def test_a_snapshot_that_brings_nothing_new_gives_no_document(site, snapshot, make_draft, as_artifact):
    text = " ".join(["The people of the house on the hill have lived with their dogs and cats for many years."] * 9)
    site.pages |= {"/": add_tag(site.page(text=text), "v1")}
    _, one = snapshot("one")
    _, two = snapshot("two", one)
    lineage = [{"stage": "crawl", "inputs": []}, {"stage": "crawl", "inputs": [one.ref.model_dump()]}]
    kept = []
    for pages, lines in ((one, lineage[:1]), (two, lineage)):
        scored = make_draft(f"extract {pages.key}", lines)
        extract.build(Clean().extract_settings(), scored, pages)
        cleaned = make_draft(f"clean {pages.key}", lines)
        clean.build(Clean(), cleaned, as_artifact(scored.path, "extract"))
        kept.append(cleaned.counts["kept"])
    assert kept == [1, 0]
    with pytest.raises(StageFailure, match="nothing to extract"):
        extract.build(Clean().extract_settings(), make_draft("extract alone", lineage[:1]), two)


def test_everything_is_gone(site, snapshot):
    add_pages(site)
    _, one = snapshot("one")
    site.pages.clear()
    with pytest.raises(StageFailure, match="no page was fetched"):
        snapshot("two", one)


def test_figures_are_shown_while_it_runs(site, crawled, caplog):
    site.pages["/"] = site.page(*(f"/{n}" for n in range(6)), "/private")
    site.pages["/robots.txt"] = site.Answer(b"User-agent: *\nDisallow: /private")
    site.pages |= {f"/{n}": site.page(text=str(n)) for n in range(4)}
    with caplog.at_level("INFO", logger="textmill"):
        draft = crawled(max_pages=3)
    [line] = [record.getMessage() for record in caplog.records if record.getMessage().startswith("crawl: ")]
    waiting = draft.counts["queues"]["127.0.0.1"]
    assert "/s 200: 3" in line
    assert f"{waiting} wait (127.0.0.1: {waiting})" in line
    assert f"| 127.0.0.1 | {waiting} |" in (draft.path / "summary.md").read_text()
