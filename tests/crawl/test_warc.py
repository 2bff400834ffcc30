"""The warc source on real archives, good and broken."""

import gzip
import io

import pytest
from fastwarc.warc import ArchiveIterator

from tasks.crawl import records
from tasks.crawl.archives import Broken, dechunked, pages
from tasks.crawl.page import READABLE, Page
from tasks.crawl.shard import Shard
from tasks.crawl.sources.warc import Warc
from tasks.crawl.tally import Tally
from tasks.crawl.task import Crawl, crawl
from tasks.failure import StageFailure


@pytest.fixture
def collected(make_draft):
    def collect(path, name="warc", **warc):
        draft = make_draft(name)
        crawl.build(Crawl.model_validate({"source": {"kind": "warc", "warc": {"path": str(path), **warc}}}), draft)
        return draft

    return collect


def page(body=b"<html>x", **headers):
    return Page("http://x.org/", 200, tuple(headers.items()), body, 1_700_000_000_123)


def archive(path, *made):
    with path.open("wb") as file:
        for record in made:
            file.write(records.compressed(record))
    return path


def raw(head, body):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + head + b"\r\n" + body
    named = [("WARC-Target-URI", "http://x.org/a b")]
    return records.record("response", 1_700_000_000_123, named, block, "application/http; msgtype=response")


def read(path, most_bytes=10**6):
    tally = Tally()
    return list(pages(path, list(READABLE), most_bytes, tally)), tally.skipped


def test_payloads_are_decoded(tmp_path):
    packed = gzip.compress(b"<p>packed")
    path = archive(
        tmp_path / "x.warc.gz",
        raw(b"Content-Encoding: gzip\r\n", packed),
        raw(b"Transfer-Encoding: chunked\r\n", b"3\r\n<p>\r\n4;x=y\r\nmore\r\n0\r\n\r\n"),
        raw(b"Content-Encoding: gzip\r\n", b"<p>said to be packed"),
        raw(b"Content-Encoding: gzip\r\n", gzip.compress(b"x" * 10**7)),
        raw(b"Content-Encoding: gzip\r\n", packed[:2] + b"broken"),
    )
    found, skipped = read(path)
    assert [each.body for each in found] == [b"<p>packed", b"<p>more", b"<p>said to be packed"]
    assert {each.url for each in found} == {"http://x.org/a%20b"}
    assert skipped == {"too large": 1, "unreadable response": 1}


def test_round_trip_keeps_status_headers_and_time(tmp_path):
    first = page(b"<html>caf\xe9", Etag='"1"', X="caf\xe9")
    with Shard(tmp_path, 0, {}) as shard:
        row = shard.add(first)
    [back], _ = read(tmp_path / row["warc"])
    assert (back.url, back.body, back.fetched_at, back.header("x")) == (first.url, first.body, first.fetched_at, "café")
    with Shard(tmp_path, 1, {}) as again:
        again.add(first)
    assert (tmp_path / again.name).read_bytes() == (tmp_path / shard.name).read_bytes()


@pytest.mark.parametrize("packed", [True, False])
def test_every_cut_but_between_records_is_found(tmp_path, packed):
    made = [records.info(0), records.request(page()), records.response(page(b"<html>" + b"x" * 99))]
    parts = [records.compressed(record) if packed else record for record in made]
    whole, ends = b"".join(parts), {len(b"".join(parts[: n + 1])) for n in range(3)}
    path = tmp_path / ("x.warc.gz" if packed else "x.warc")
    for cut in sorted({*range(0, len(whole), 3), *ends}):
        path.write_bytes(whole[:cut])
        if cut in ends:
            assert len(read(path)[0]) == (cut == len(whole))
        elif packed or all(cut + 4 < end or cut > end for end in ends):  # else only the empty lines after it are lost
            with pytest.raises(Broken):
                read(path)


@pytest.mark.parametrize("content", [b"<html>no archive</html>", b""])
def test_what_is_no_archive(tmp_path, collected, content):
    path = tmp_path / "x.warc"
    path.write_bytes(content)
    with pytest.raises(StageFailure, match=r"x\.warc cannot be read"):
        collected(path)


def test_header_that_would_break_its_line():
    record = records.response(page(X="a\r\nInjected: b"))
    [parsed] = ArchiveIterator(io.BytesIO(record))
    assert parsed.http_headers.get("Injected") is None


def test_chunks():
    assert dechunked(b"not chunked") == b"not chunked"
    assert dechunked(b"2\r\nab\r\n5\r\ncut") == b"abcut"
    assert dechunked(b"0\r\n\r\n") == b""


def test_iana(shared, collected, index):
    draft = collected(shared("warc-samples-a") / "pywb" / "iana.warc.gz")
    rows = index(draft.path)
    assert len(rows) == draft.counts["pages"] == 16
    assert {row["content_type"].split(";")[0] for row in rows} == {"text/html"}
    assert draft.counts["skipped"]["revisit"] == 123
    assert rows[0]["url"] == "http://www.iana.org/"
    assert rows[0]["fetched_at"].isoformat() == "2014-01-26T20:06:24+00:00"


def test_a_folder_of_good_and_broken_archives(shared, collected, index, monkeypatch):
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    folder = shared("warc-samples-a")
    with pytest.raises(
        StageFailure, match=r"(bad|space-in-url)\.arc cannot be read|trunc|missing|example\.warc cannot"
    ):
        collected(folder, "strict")
    draft = collected(folder, "lenient", skip_broken=True)
    assert draft.counts["skipped"]["broken archive"] == 6
    assert {row["url"] for row in index(draft.path)} >= {"http://www.iana.org/", "http://example.com/"}
    assert draft.counts["pages"] == sum(row["status"] == 200 for row in index(draft.path))


def test_arc(shared, collected, index, tmp_path):
    for name in ("example.arc", "example.arc.gz"):
        [row] = index(collected(shared("warc-samples-a") / "warcio" / name, name).path)
        assert (row["url"], row["fetched_at"].isoformat()) == ("http://example.com/", "2014-02-16T05:02:21+00:00")


def test_key_follows_the_archive(tmp_path):
    path = archive(tmp_path / "x.warc.gz", records.response(page()))
    before = Warc(path=str(path)).semantic()
    assert Warc(path=f"{tmp_path}/*.warc.gz").semantic() == before
    archive(path, records.response(page(b"<html>other")))
    assert Warc(path=str(path)).semantic() != before


def test_nothing_to_read(tmp_path, collected):
    with pytest.raises(StageFailure, match="no web archive"):
        collected(tmp_path)
    archive(tmp_path / "x.warc.gz", records.request(page()))
    with pytest.raises(StageFailure, match="holds no page"):
        collected(tmp_path)
