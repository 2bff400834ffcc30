import pytest

from tasks.crawl.urls import Scope, links, normalised


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
        ("http://example.org/" + "x" * 3000, None),
    ],
)
def test_one_spelling(url, spelled):
    assert normalised(url) == spelled
    if spelled:
        assert normalised(spelled) == spelled


def test_links_in_order_each_once():
    html = """<a href="b">1</a> <a href="/c#x">2</a> <a href="/c">3</a> <a rel="external nofollow" href="/d">4</a>
    <a name="anchor">5</a> <iframe src="e"></iframe> <link rel="next" href="?page=2"> <a href="javascript:x()">6</a>"""
    assert links(html, "http://x.org/a/") == [
        "http://x.org/a/b",
        "http://x.org/c",
        "http://x.org/a/e",
        "http://x.org/a/?page=2",
    ]


@pytest.mark.parametrize("html", ["", "plain", "<", "<!--", "\x00<a href='x'>", "<a href='http://[bad'>"])
def test_links_of_what_is_hardly_html(html):
    assert links(html, "http://x.org/") in ([], ["http://x.org/x"])


def test_base_counts():
    assert links('<base href="/deep/"><a href="x">x</a>', "http://x.org/a") == ["http://x.org/deep/x"]


def test_scope():
    scope = Scope({"x.org", "y.org:81"}, allow=["/docs/"], deny=["private"], max_depth=2)
    assert scope.refuses("http://x.org/", 0) is None
    assert scope.refuses("http://x.org/", 1) == "not allowed"
    assert scope.refuses("http://x.org:8080/docs/", 1) is None
    assert scope.refuses("http://x.org/docs/private", 1) == "denied"
    assert scope.refuses("http://x.org/docs/", 3) == "too deep"
    assert scope.refuses("http://y.org/docs/", 1) == "other host"
    assert scope.refuses("http://y.org:81/docs/", 1) is None
