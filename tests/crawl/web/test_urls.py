import pytest

from tasks.crawl.web.traps import ENDLESS_CALENDAR
from tasks.crawl.web.urls import Scope, normalise_url


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a#part", "https://example.org/a"),
        ("http://example.org:8080/a/../b/./c", "http://example.org:8080/b/c"),
        ("http://example.org/a b?q=ü", "http://example.org/a%20b?q=%C3%BC"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
        ("http://user:secret@example.org/", "http://example.org/"),
        ("mailto:a@example.org", None),
        ("ftp://example.org/", None),
        ("http:///nowhere", None),
        ("http://example.org:99999/", None),
        ("http://[::1/", None),
        ("http://exa(mple.org/", None),
        ("http://example.org/a\\b\\..\\c", "http://example.org/a/c"),
        ("http://example.org/%%37%35", "http://example.org/%%375"),
        ("http://example.org./a", "http://example.org/a"),
        ("http://example.org/%7euser/%2f?q=%c3%bc", "http://example.org/~user/%2F?q=%C3%BC"),
    ],
)
def test_one_spelling(url, spelled):
    assert normalise_url(url) == spelled
    if spelled:
        assert normalise_url(spelled) == spelled


def test_scope():
    scope = Scope({"x.org", "y.org:81"}, allow=["/docs/"], deny=["private"], max_depth=2)
    assert scope.find_refusal("http://x.org/", 0) is None
    assert scope.find_refusal("http://x.org/", 1) == "not allowed"
    assert scope.find_refusal("http://x.org:8080/docs/", 1) is None
    assert scope.find_refusal("http://x.org/docs/private", 1) == "denied"
    assert scope.find_refusal("http://x.org/docs/", 3) == "too deep"
    assert scope.find_refusal("http://y.org/docs/", 1) == "other host"
    assert scope.find_refusal("http://y.org:81/docs/", 1) is None
    assert scope.find_refusal("http://x.org/docs/2999/01/01", 1) == ENDLESS_CALENDAR
    assert scope.find_refusal("http://x.org/docs/2999/01/01", 0) is None, "a seed is meant"


def test_query_in_the_encoding_of_the_page():
    assert normalise_url("/search?q=中", "http://x.org/", "gb18030") == "http://x.org/search?q=%D6%D0"
    assert normalise_url("/中", "http://x.org/", "gb18030") == "http://x.org/%E4%B8%AD"
    assert normalise_url("/", "http://x.org/", "no such encoding") is None


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("faß.de", "xn--fa-hia.de"), ("FAẞ.de", "xn--fa-hia.de"), ("βόλος.com", "xn--nxasmm1c.com"),
        ("Bücher.DE", "xn--bcher-kva.de"), ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("ｅｘａｍｐｌｅ.org", "example.org"),
        ("☃.net", "xn--n3h.net"), ("_x.bücher.de", "_x.xn--bcher-kva.de"), ("xn--fa-hia.de", "xn--fa-hia.de"),
        ("b%C3%BCcher.de", "xn--bcher-kva.de"), ("a_b.org", "a_b.org"), ("①②.org", "12.org"),
        ("0x7f.1", "127.0.0.1"), ("2852039166", "169.254.169.254"), ("１２７。0。0。1", "127.0.0.1"),
        ("1.2.3.4.", "1.2.3.4"),
    ],
)  # fmt: skip
def test_international_hosts_as_browsers_look_them_up(host, ascii_host):
    assert normalise_url(f"http://{host}/") == f"http://{ascii_host}/"


@pytest.mark.parametrize(
    "url",
    ["http://[SITE_URL]/", "http://[::1/", "http://[x]:y/", "http://x:port/", "http://x:99999999/", "http://a b/",
     "http://\ud800/", "http://x\u2100y/", f"http://{'ü' * 70}.de/", "http://%FF/", "http://]/", "//[",
     "http://1.2.3.4.5/", "http://256.1.1.1/", "http://x.0x/"],
)  # fmt: skip
def test_what_is_no_url_is_none(url):
    assert normalise_url(url, "http://x.org/") is None
    normalise_url("/a", url)  # raises nothing either


def test_a_backslash_is_a_slash_as_in_browsers():
    assert normalise_url("http://a.org\\@b.org/") == "http://a.org/@b.org/"
    assert normalise_url("..\\c\\d?e=\\f", "http://a.org/x/y/") == "http://a.org/x/c/d?e=%5Cf"


def test_credentials_are_taken_out_of_links():
    assert normalise_url("http://me:secret@a.org:80/x") == "http://a.org/x"
