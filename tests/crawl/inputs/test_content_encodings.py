"""Bodies of archives: encodings that headers name rightly, wrongly, doubly or not at all; cuts, damage, bombs."""

import gzip
import io
import tracemalloc
import zlib

import brotli
import pytest
import zstandard

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.archives import read_archive_pages
from tasks.crawl.inputs.content_encodings import BodyTooLarge, DecodedBody, decode_body
from tasks.crawl.inputs.packing import DamagedData
from tasks.crawl.inputs.payload import parse_http_page

PAGE = b"<!doctype html><html><body>" + b"".join(b"<p>line %d of the page</p>\n" % n for n in range(400))
LIMIT = 10**6


def compress_raw(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "br": brotli.compress,
}


def decode(body: bytes, content_encoding: str = "", transfer_encoding: str = "", limit: int = LIMIT) -> DecodedBody:
    return decode_body(body, transfer_encoding, content_encoding, limit)


@pytest.mark.parametrize("encoding", PACKERS)
def test_each_encoding_is_undone_and_left_alone_where_it_is_undone_already(encoding: str) -> None:
    packed = PACKERS[encoding](PAGE)
    assert decode(packed, encoding) == (PAGE, True)
    assert decode(packed, f" {encoding.upper()} ") == (PAGE, True)
    assert decode(PAGE, encoding) == (PAGE, True)
    assert decode(b"\xff\xfe" + PAGE.decode().encode("utf-16-le"), encoding).is_complete
    assert decode(b"", encoding) == (b"", True)


def test_raw_deflate_and_encodings_one_over_the_other() -> None:
    assert decode(compress_raw(PAGE), "deflate") == (PAGE, True)
    assert decode(brotli.compress(gzip.compress(PAGE)), "gzip, br") == (PAGE, True)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(PAGE)), gzip.compress(PAGE))
    assert decode(chunked, "", "gzip, chunked") == (PAGE, True)
    assert decode(chunked, "gzip", "") == (PAGE, True)  # the header of a chunked body was removed


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_several_members_are_one_body(encoding: str) -> None:
    pack = PACKERS[encoding]
    assert decode(pack(PAGE[:300]) + pack(PAGE[300:]), encoding) == (PAGE, True)
    assert decode(pack(PAGE[:300]) + pack(b"") + pack(PAGE[300:]) + bytes(512), encoding) == (PAGE, True)
    assert decode(pack(PAGE) + b"what a proxy added", encoding) == (PAGE, True)


@pytest.mark.parametrize("encoding", PACKERS)
def test_of_a_cut_body_is_kept_what_came_and_it_is_never_taken_for_complete(encoding: str) -> None:
    packed = PACKERS[encoding](PAGE)
    for cut in range(1, len(packed), max(len(packed) // 40, 1)):
        try:
            content, is_complete = decode(packed[:cut], encoding)
        except DamagedData:
            continue
        # of a body of a few bytes, nothing tells that it is packed
        assert packed.startswith(content) if is_complete else PAGE.startswith(content)
        assert cut < 20 or not is_complete


def test_damage_inside_gzip_costs_only_what_lies_behind_it() -> None:
    packed = bytearray(gzip.compress(PAGE))
    packed[-8] ^= 1  # the checksum
    assert decode(bytes(packed), "gzip") == (PAGE, False)
    content, is_complete = decode(gzip.compress(PAGE) + packed[:5] + b"\xff" * 99, "gzip")
    assert (content[: len(PAGE)], is_complete) == (PAGE, False)


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_bomb_stops_at_the_limit(encoding: str) -> None:
    content = bytes(40_000_000)
    bomb = brotli.compress(content, quality=1) if encoding == "br" else PACKERS[encoding](content)
    nested = gzip.compress(gzip.compress(content))
    del content
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decode(bomb, encoding)
    with pytest.raises(BodyTooLarge):
        decode(nested, "gzip, gzip")
    assert tracemalloc.get_traced_memory()[1] < 26_000_000
    tracemalloc.stop()


def test_a_zstd_window_larger_than_browsers_allow_is_refused() -> None:
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    ).compressobj()
    packed = packer.compress(PAGE) + packer.flush()
    with pytest.raises(DamagedData):
        decode(packed, "zstd")


def test_an_encoding_without_a_decoder_is_refused_unless_it_is_undone() -> None:
    with pytest.raises(DamagedData):
        decode(b"\x1f\x9d\x90" + bytes(range(99)), "compress")
    assert decode(PAGE, "compress") == (PAGE, True)
    assert decode(PAGE, "utf-8") == (PAGE, True)  # browsers ignore names that they do not know


def parse(block: bytes, fetched_at: int | None = 0) -> tuple[object, ...]:
    tally = Tally()
    page = parse_http_page("http://x.org/", fetched_at, block, LIMIT, tally)
    return (page.status, page.body, page.flaws, page.fetched_at) if page else (dict(tally.skipped),)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\n\r\n", 200),
        (b"HTTP/1.0 404\r\n\r\n", 404),
        (b"HTTP/2 200\n\n", 200),
        (b"\r\nHTTP/1.1 200 OK\r\nno header\r\n: empty\r\nX: caf\xe9\r\n folded\r\n\r\n", 200),
        (b"ICY 200 OK\r\n\r\n", 200),
    ],
)
def test_heads_as_servers_and_writers_send_them(head: bytes, status: int) -> None:
    assert parse(head + PAGE) == (status, PAGE, (), 0)


def test_heads_that_are_none() -> None:
    assert parse(PAGE) == ({"no HTTP response": 1},)
    assert parse(b"HTTP/1.1 twohundred\r\n\r\n") == ({"no HTTP response": 1},)
    assert parse(b"HTTP/1.1 200 OK\r\nA: b") == (200, b"", (), 0)


def test_a_packed_body_without_its_header_is_unpacked_when_it_is_text() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    assert parse(head + gzip.compress(PAGE))[1] == PAGE
    assert parse(head + zstandard.compress(PAGE))[1] == PAGE
    picture = gzip.compress(bytes(range(256)))
    assert parse(head + picture)[1] == picture
    assert parse(head.replace(b"text/html", b"application/gzip") + gzip.compress(PAGE))[1] == gzip.compress(PAGE)


def test_a_page_without_a_date_takes_that_of_its_server() -> None:
    head = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:09 GMT\r\n\r\n"
    assert parse(head + PAGE, None) == (200, PAGE, ("no date",), 9000)
    assert parse(b"HTTP/1.1 200 OK\r\nDate: soon\r\n\r\n" + PAGE, None) == (200, PAGE, ("no date",), 0)


def make_record(url: bytes, *more: bytes, date: bytes = b"2024-01-01T00:00:00Z", line_end: bytes = b"\r\n") -> bytes:
    block = b"HTTP/1.1 200 OK" + line_end + b"Content-Type: text/html" + line_end * 2 + b"<p>" + url
    head = [b"WARC/1.0", b"WARC-Type: response", b"WARC-Target-URI: " + url, b"WARC-Date: " + date, *more]
    return line_end.join([*head, b"Content-Length: %d" % len(block), b"", block, b"", b""])


def read_records(*records: bytes) -> tuple[list[str], dict[str, int], dict[str, int]]:
    tally = Tally()
    file = io.BytesIO(b"".join(records))
    pages = list(read_archive_pages(file, ["text/html"], LIMIT, tally))
    for page in pages:
        tally.count_page({"status": 200, "url": page.url, "change": None}, 1)  # type: ignore[typeddict-item]
    return [page.url for page in pages], dict(tally.skipped), dict(tally.flaws)


BAD_URLS = [b"http://[SITE_URL]/", b"http://x:99999/", b"http://x:port/", "http://a℀b/".encode(), b"http://]/", b"//[x"]


def test_a_url_that_cannot_be_parsed_costs_its_record_only() -> None:
    urls, skipped, _ = read_records(*map(make_record, BAD_URLS), make_record(b"http://good.example/"))
    assert (urls, skipped) == (["http://good.example/"], {"bad address": len(BAD_URLS)})


def test_heads_of_records_as_old_writers_left_them() -> None:
    urls, skipped, flaws = read_records(
        make_record(b"http://x.org/lf", line_end=b"\n"),
        make_record(b"http://x.org/caf\xe9"),
        make_record("http://x.org/ü".encode()),
        make_record(b"http://x.org/first", b"WARC-Target-URI: http://x.org/second"),
        make_record(b"http://x.org/compact", date=b"20240101000000"),
        make_record(b"http://x.org/none", date=b"yesterday"),
        make_record(b"http://x.org/early", date=b"0001-01-01T00:00:00+14:00"),
    )
    assert [url.rpartition("/")[2] for url in urls] == [
        "lf", "caf%E9", "%C3%BC", "first", "compact", "none", "early",
    ]  # fmt: skip
    assert (skipped, flaws) == ({}, {"no date": 2})


def test_arc_records_with_odd_dates_and_the_fields_of_version_2() -> None:
    block = b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n<p>page"
    heads = [
        b"http://x.org/1 1.2.3.4 20010101000000 text/html %d",
        b"http://x.org/2 1.2.3.4 20010101000000 text/html 200 - - 12 a.arc %d",
        b"http://x.org/a b 3 1.2.3.4 20010101000000 text/html %d",
        b"http://x.org/4 1.2.3.4 someday text/html %d",
        b"http://[5]/ 1.2.3.4 20010101000000 text/html %d",
    ]
    tally = Tally()
    file = io.BytesIO(b"".join(head % len(block) + b"\n" + block + b"\n" for head in heads))
    pages = list(read_archive_pages(file, ["text/html"], LIMIT, tally, is_arc=True))
    assert [page.url for page in pages] == [
        "http://x.org/1",
        "http://x.org/2",
        "http://x.org/a%20b%203",
        "http://x.org/4",
    ]
    assert [page.fetched_at for page in pages] == [978_307_200_000] * 3 + [0]
    assert (tally.skipped, tally.flaws) == ({"bad address": 1}, {"no date": 1})
