import gzip
from datetime import UTC, datetime

import pytest

from tasks.crawl.web.sitemaps import MAX_SITEMAP_URLS, Sitemaps, UnreadableSitemap, parse_lastmod, parse_sitemap

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'


def test_pages_and_when_they_changed():
    body = f"""{HEAD}<url><loc> http://x.org/a?b=1&amp;c=2 </loc><lastmod>2026-01-31</lastmod></url>
    <url><lastmod>2026-01-31</lastmod></url><!-- no loc -->
    <url><loc>http://x.org/b</loc><lastmod>never</lastmod></url></urlset>""".encode()
    assert parse_sitemap(body).pages == {
        "http://x.org/a?b=1&c=2": datetime(2026, 1, 31, tzinfo=UTC),
        "http://x.org/b": None,
    }
    assert parse_sitemap(gzip.compress(body)) == parse_sitemap(body)
    assert parse_sitemap(b"\xef\xbb\xbf" + body) == parse_sitemap(body)


def test_an_index():
    body = b"<sitemapindex><sitemap><loc>http://x.org/1.xml.gz</loc></sitemap></sitemapindex>"
    assert parse_sitemap(body).sitemaps == ["http://x.org/1.xml.gz"]


def test_plain_text():
    assert list(parse_sitemap(b"http://x.org/a\r\nnonsense\n https://x.org/b\n").pages) == [
        "http://x.org/a",
        "https://x.org/b",
    ]


def test_what_a_broken_one_lists_counts():
    complete = f"{HEAD}<url><loc>http://x.org/a</loc></url><url><loc>http://x.org/b</loc></url></urlset>".encode()
    assert list(parse_sitemap(complete[:-40]).pages) == ["http://x.org/a"]
    assert list(parse_sitemap(gzip.compress(complete)[:-12]).pages)[:1] == ["http://x.org/a"]


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<html><p>not found</p></html>", b"\x1f\x8bnot gzip", b"\x00\x01", b"sorry"]
)
def test_what_is_no_sitemap(body):
    with pytest.raises(UnreadableSitemap):
        parse_sitemap(body)


def test_bombs():
    lines = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    laughs = f"<!DOCTYPE urlset [<!ENTITY e0 'ha'>{lines}]><urlset><url><loc>&e9;</loc></url></urlset>"
    with pytest.raises(UnreadableSitemap):
        parse_sitemap(laughs.encode())
    secret = "<!DOCTYPE urlset [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>&e;</loc></url></urlset>"
    with pytest.raises(UnreadableSitemap):
        parse_sitemap(secret.encode())
    with pytest.raises(UnreadableSitemap):
        parse_sitemap(gzip.compress(bytes(60 << 20), 1))
    many = HEAD + "".join(f"<url><loc>http://x.org/{n}</loc></url>" for n in range(MAX_SITEMAP_URLS + 1))
    assert len(parse_sitemap(many.encode()).pages) == MAX_SITEMAP_URLS


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026", (2026, 1, 1)),
        ("2026-03", (2026, 3, 1)),
        ("2026-03-04", (2026, 3, 4)),
        ("2026-03-04T23:30:00-05:00", (2026, 3, 5)),
        ("2026-03-04T10:00Z", (2026, 3, 4)),
        ("2026-03-04T10:00:00.123+00:00", (2026, 3, 4)),
        ("", None),
        ("04.03.2026", None),
        ("2026-13", None),
    ],
)
def test_dates(text, day):
    date = parse_lastmod(text)
    assert (date and (date.year, date.month, date.day)) == day


def test_what_is_old():
    since = Sitemaps(modified_since="2026-02-01")
    assert since.is_old(parse_lastmod("2026-01-31"))
    assert not since.is_old(parse_lastmod("2026-02-01"))
    assert not since.is_old(None)
    assert not Sitemaps().is_old(parse_lastmod("1999"))
    with pytest.raises(ValueError, match="not a date"):
        Sitemaps(modified_since="yesterday")


def make_sitemap(*locs: str) -> str:
    return f"<urlset>{''.join(f'<url><loc>{loc}</loc></url>' for loc in locs)}</urlset>"


@pytest.mark.parametrize(
    ("loc", "url"),
    [
        ("http://x.org/q?a=1&b=2", "http://x.org/q?a=1&b=2"),
        ("http://x.org/q?a=1&amp;b=2", "http://x.org/q?a=1&b=2"),
        ("http://x.org/q?a=1&copy=2&nbsp;3", "http://x.org/q?a=1&copy=2&nbsp;3"),
        ("http://x.org/q?a=&#49;&", "http://x.org/q?a=1&"),
        ("<![CDATA[http://x.org/q?a=1&b=2]]>", "http://x.org/q?a=1&b=2"),
        ("http://x.org/<!-- old -->q", "http://x.org/q"),
    ],
)
def test_ampersands(loc, url):
    assert list(parse_sitemap(make_sitemap(loc, "http://x.org/z").encode()).pages) == [url, "http://x.org/z"]


@pytest.mark.parametrize("num_members", [1, 2, 5])
def test_all_members_of_a_gzip_file_are_read(num_members):
    urls = [f"http://x.org/{n}" for n in range(4000)]
    plain = make_sitemap(*urls).encode()
    size = -(-len(plain) // num_members)
    members = [gzip.compress(plain[start : start + size]) for start in range(0, len(plain), size)]
    assert list(parse_sitemap(b"".join(members) + bytes(7)).pages) == urls
    assert len(parse_sitemap(b"".join(members)[:-9]).pages) > 3000


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0" encoding="utf-16"?>' + make_sitemap("http://x.org/\u00fc").encode(),
        b'<?xml version="1.0" encoding="nonsense"?>' + make_sitemap("http://x.org/\u00fc").encode(),
        b'<?xml version="1.0" encoding="iso-8859-1"?>'
        + (make_sitemap("http://x.org/\u00fc") + "\u00e9" * 9).encode("latin-1"),
        make_sitemap("http://x.org/\u00fc").encode("utf-8-sig"),
        make_sitemap("http://x.org/\u00fc").encode("utf-16"),
        make_sitemap("http://x.org/\u00fc").encode("utf-16-le"),
        b"\n\n  " + make_sitemap("http://x.org/\u00fc").encode(),
        make_sitemap("http://x.org/\u00fc").upper().replace("HTTP://X.ORG/\u00dc", "http://x.org/\u00fc").encode(),
        "<s:urlset><s:url><s:loc>http://x.org/\u00fc</s:loc></s:url></s:urlset>".encode(),
        "<urlset xmlns='http://wrong'><url><loc>http://x.org/\u00fc</loc></url></urlset>".encode(),
        "http://x.org/\u00fc\n".encode("utf-16"),
    ],
)
def test_encodings_and_namespaces(body):
    assert list(parse_sitemap(body).pages) == ["http://x.org/\u00fc"]
