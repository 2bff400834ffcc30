"""The warc source on real archives, good and broken."""

import gzip
import io

import pytest
import zstandard
from fastwarc.warc import ArchiveIterator

from tasks.crawl import records
from tasks.crawl.counters import Tally
from tasks.crawl.inputs.archives import BrokenArchive, read_archive_pages
from tasks.crawl.inputs.content_encodings import dechunk_body
from tasks.crawl.page import PAGE_TYPES, CrawledPage
from tasks.crawl.settings import Crawl
from tasks.crawl.shard import WarcShard
from tasks.crawl.sources.warc import Warc
from tasks.crawl.task import crawl
from tasks.errors import StageFailure


@pytest.fixture
def collected(make_draft, monkeypatch):
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def collect(path, name="warc", **warc):
        draft = make_draft(name)
        crawl.build(Crawl.model_validate({"source": {"kind": "warc", "warc": {"path": str(path), **warc}}}), draft)
        return draft

    return collect


def make_page(body=b"<html>x", **headers):
    return CrawledPage("http://x.org/", 200, tuple(headers.items()), body, 1_700_000_000_123)


def write_archive(path, *parts):
    with path.open("wb") as file:
        for record in parts:
            file.write(records.compress_record(record))
    return path


def encode_response(head, body):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + head + b"\r\n" + body
    extra_headers = [("WARC-Target-URI", "http://x.org/a b")]
    return records.build_record(
        "response", 1_700_000_000_123, extra_headers, block, "application/http; msgtype=response"
    )


def parse_archive(record):
    return ArchiveIterator(io.BytesIO(record.content))


def read_archive(path, max_bytes=10**6):
    tally = Tally()
    with path.open("rb") as file:
        return list(read_archive_pages(file, list(PAGE_TYPES), max_bytes, tally)), tally.skipped


def test_payloads_are_decoded(tmp_path):
    packed = gzip.compress(b"<p>packed")
    path = write_archive(
        tmp_path / "x.warc.gz",
        encode_response(b"Content-Encoding: gzip\r\n", packed),
        encode_response(b"Transfer-Encoding: chunked\r\n", b"3\r\n<p>\r\n4;x=y\r\nmore\r\n0\r\n\r\n"),
        encode_response(b"Content-Encoding: gzip\r\n", b"<p>said to be packed"),
        encode_response(b"Content-Encoding: gzip\r\n", gzip.compress(b"x" * 10**7)),
        encode_response(b"Content-Encoding: gzip\r\n", packed[:2] + b"broken"),
    )
    pages, skipped = read_archive(path)
    assert [page.body for page in pages] == [b"<p>packed", b"<p>more", b"<p>said to be packed"]
    assert {page.url for page in pages} == {"http://x.org/a%20b"}
    assert skipped == {"too large": 1, "unreadable response": 1}


def test_round_trip_keeps_status_headers_and_time(tmp_path):
    first = make_page(b"<html>caf\xe9", Etag='"1"', X="caf\xe9")
    with WarcShard(tmp_path, 0, {}) as shard:
        row = shard.add(first)
    [read_back], _ = read_archive(tmp_path / row["warc"])
    assert (read_back.url, read_back.body, read_back.fetched_at, read_back.get_header("x")) == (
        first.url,
        first.body,
        first.fetched_at,
        "café",
    )
    with WarcShard(tmp_path, 1, {}) as again:
        again.add(first)
    assert (tmp_path / again.name).read_bytes() == (tmp_path / shard.name).read_bytes()


@pytest.mark.parametrize("packed", [True, False])
def test_every_cut_is_noticed_unless_it_falls_between_records(tmp_path, packed):
    answer = records.build_response(make_page(b"<html>" + b"x" * 99))
    parts_of_file = [records.build_warcinfo(make_page()), records.build_request(make_page(), answer), answer]
    parts = [records.compress_record(record) if packed else record.content for record in parts_of_file]
    complete, ends = b"".join(parts), {len(b"".join(parts[: n + 1])) for n in range(3)}
    path = tmp_path / ("x.warc.gz" if packed else "x.warc")
    for cut in sorted({*range(0, len(complete), 3), *ends}):
        path.write_bytes(complete[:cut])
        if cut in ends:
            assert len(read_archive(path)[0]) == (cut == len(complete))
        elif packed or all(cut + 4 < end or cut > end for end in ends):  # else only the empty lines after it are lost
            with pytest.raises(BrokenArchive):
                read_archive(path)


@pytest.mark.parametrize("content", [b"<html>no archive</html>", b""])
def test_what_is_no_archive(tmp_path, collected, content):
    path = tmp_path / "x.warc"
    path.write_bytes(content)
    with pytest.raises(StageFailure, match=r"x\.warc cannot be read"):
        collected(path)


def test_header_that_would_break_its_line():
    record = records.build_response(make_page(X="a\r\nInjected: b"))
    [parsed] = ArchiveIterator(io.BytesIO(record.content))
    assert parsed.http_headers.get("Injected") is None


@pytest.mark.parametrize(
    "long", [{"X-Long": "x" * 40_000}, {f"X-{n}": "x" * 900 for n in range(99)}, {f"X-{n}": "" for n in range(9999)}]
)
def test_headers_that_fastwarc_would_refuse_have_no_room(tmp_path, long):
    """It ends a file at a record with more than 32 KiB of headers, and with it the whole extraction."""
    page = make_page(**{"Content-Type": "text/html"}, **long, Etag='"1"')
    record = records.build_response(page)
    read = [(parsed.http_headers.get("Content-Type"), parsed.reader.read()) for parsed in parse_archive(record)]
    assert read == [("text/html", page.body)]


def test_chunks():
    assert dechunk_body(b"not chunked") == (b"not chunked", False)
    assert dechunk_body(b"2\r\nab\r\n5\r\ncut") == (b"abcut", False)
    assert dechunk_body(b"2\r\nab\r\n") == (b"ab", False)  # the last chunk is missing
    assert dechunk_body(b"2\nab\n1;x=y\nc\n0\n\n") == (b"abc", True)
    assert dechunk_body(b"0\r\n\r\n") == (b"", True)


def test_iana(shared, collected, index):
    draft = collected(shared("warc-samples-a") / "pywb" / "iana.warc.gz")
    rows = index(draft.path)
    assert len(rows) == draft.counts["pages"] == 16
    assert {row["content_type"].split(";")[0] for row in rows} == {"text/html"}
    assert draft.counts["skipped"]["revisit"] == 123
    assert rows[0]["url"] == "http://www.iana.org/"
    assert rows[0]["fetched_at"].isoformat() == "2014-01-26T20:06:24+00:00"


def test_a_folder_of_good_and_broken_archives(shared, collected, index):
    folder = shared("warc-samples-a")
    with pytest.raises(StageFailure, match=r"(bad|space-in-url)\.arc cannot be read|trunc"):
        collected(folder, "strict")
    draft = collected(folder, "lenient", on_error="skip")
    assert draft.counts["skipped"]["broken archive"] == 3  # the ARC files
    assert draft.counts["skipped"]["damaged record"] == 1  # example-trunc.warc: shorter than it says
    assert {row["url"] for row in index(draft.path)} >= {"http://www.iana.org/", "http://example.com/"}
    assert draft.counts["pages"] == sum(row["status"] == 200 for row in index(draft.path))


def test_arc(shared, collected, index, tmp_path):
    for name in ("example.arc", "example.arc.gz"):
        [row] = index(collected(shared("warc-samples-a") / "warcio" / name, name).path)
        assert (row["url"], row["fetched_at"].isoformat()) == ("http://example.com/", "2014-02-16T05:02:21+00:00")


def test_key_follows_the_archive(tmp_path):
    path = write_archive(tmp_path / "x.warc.gz", records.build_response(make_page()))
    before = Warc(path=str(path)).semantic()
    assert Warc(path=f"{tmp_path}/*.warc.gz").semantic() == before
    write_archive(path, records.build_response(make_page(b"<html>other")))
    assert Warc(path=str(path)).semantic() != before


def test_nothing_to_read(tmp_path, collected):
    with pytest.raises(StageFailure, match="no web archive"):
        collected(tmp_path)
    write_archive(tmp_path / "x.warc.gz", records.build_request(make_page(), records.build_response(make_page())))
    with pytest.raises(StageFailure, match="holds no page"):
        collected(tmp_path)


PACKERS = {
    ".warc": lambda record: record.content,
    ".warc.gz": records.compress_record,
    ".warc.zst": lambda record: zstandard.compress(record.content),
}


@pytest.mark.parametrize("kind", PACKERS)
def test_reading_goes_on_behind_a_damaged_record(tmp_path, collected, index, kind):
    responses = [
        records.build_response(CrawledPage(f"http://x.org/{n}", 200, (), b"<html>" + b"%d" % n * 99, n))
        for n in range(9)
    ]
    parts = [PACKERS[kind](record) for record in responses]
    lies = {
        2: (b"Content-Length: 1", b"Content-Length: 9"),  # swallows what follows
        4: (b"Content-Length: 1", b"Content-Length: "),
        6: (b"WARC/1.1", b"WARD/1.1"),
    }
    for number, (truth, lie) in lies.items():
        content = responses[number].content.replace(truth, lie, 1)
        assert content != responses[number].content
        parts[number] = PACKERS[kind](responses[number]._replace(content=content))
    if kind != ".warc":
        parts[7] = parts[7][:40] + b"\xff" * 20 + parts[7][60:]
    path = tmp_path / f"x{kind}"
    path.write_bytes(b"".join(parts))
    with pytest.raises(StageFailure, match=r"x\.warc.* cannot be read: record 3"):
        collected(path, "strict")
    draft = collected(path, "lenient", on_error="skip")
    intact = [0, 1, 3, 5, 7, 8] if kind == ".warc" else [0, 1, 3, 5, 8]
    assert [row["url"] for row in index(draft.path)] == [f"http://x.org/{n}" for n in intact]
    assert draft.counts["skipped"] == {"damaged record": 9 - len(intact)}


def test_every_record_that_gives_no_page_is_counted(tmp_path):
    def record(
        kind, *more, block=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", date="2024-01-01T00:00:00Z"
    ):
        head = [f"WARC-Type: {kind}", "WARC-Target-URI: http://x.org/", f"WARC-Date: {date}", *more]
        lines = "\r\n".join(["WARC/1.0", *head, f"Content-Length: {len(block)}"])
        return lines.encode() + b"\r\n\r\n" + block + b"\r\n\r\n"

    contents = [
        record("warcinfo"),
        record("request"),
        record("metadata"),
        record("revisit"),
        record("continuation"),
        record("respinse"),
        record("response", "WARC-Segment-Number: 1"),
        record("response", block=b"no head"),
        record("response", block=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>cut")[:9]),
        record("response", block=b"HTTP/1.1 200 OK\r\n\r\n" + bytes(10**6)),
        record("conversion", "Content-Type: text/plain", block=b"text of a WET file"),
        record("response"),
    ]
    (tmp_path / "x.warc").write_bytes(b"".join(contents))
    pages, skipped = read_archive(tmp_path / "x.warc", 10**5)
    assert [page.body for page in pages] == [b"text of a WET file", b"<p>"]
    assert skipped == {
        "revisit": 1,
        "continuation": 1,
        "unknown type of record": 1,
        "segmented": 1,
        "no HTTP response": 1,
        "unreadable response": 1,
        "too large": 1,
    }


def test_crawlers_that_miscount_what_they_say_of_themselves_lose_no_page(tmp_path):
    info = records.build_warcinfo(make_page()).content.replace(b"Content-Length: 5", b"Content-Length: 2")
    (tmp_path / "x.warc").write_bytes(info + records.build_response(make_page()).content)
    pages, skipped = read_archive(tmp_path / "x.warc")
    assert ([page.url for page in pages], skipped) == (["http://x.org/"], {})


def test_a_cut_record_whose_length_ends_just_before_a_head_swallows_none(tmp_path):
    """The length of the first record reaches to the end of the second."""
    first, second, third = (encode_response(b"", b"<p>page %d " % n + b"x" * (900 if n == 0 else 9)) for n in range(3))
    path = tmp_path / "cut.warc"
    path.write_bytes(first.content[: -len(second.content) - len(b"\r\n\r\n")] + second.content + third.content)
    tally = Tally()
    with path.open("rb") as file:
        pages = list(read_archive_pages(file, list(PAGE_TYPES), 10**6, tally, skip_broken=True))
    assert [page.body for page in pages] == [b"<p>page 1 xxxxxxxxx", b"<p>page 2 xxxxxxxxx"]
    assert tally.skipped == {"damaged record": 1}
