import pytest

from tasks.crawl.web.markup import NO_FOLLOW, TOO_MANY_LINKS, MarkupRules, parse_page
from tasks.crawl.web.parameters import SESSION_REMOVED, TRACKING_REMOVED
from tasks.crawl.web.traps import TOO_LONG, Traps

URL = "http://x.org/a/"


def parse(html, headers=None, url=URL, **traps):
    return parse_page(html, url, headers or {}, MarkupRules("textmill", traps=Traps(**traps)))


def test_links_in_order_each_once():
    html = """<a href="b">1</a> <a href="/c#x">2</a> <a href="/c">3</a> <a rel="external NoFollow" href="/d">4</a>
    <a name="anchor">5</a> <iframe src="e"></iframe> <link rel="next" href="?page=2"> <a href="javascript:x()">6</a>
    <a href="mailto:a@x.org">7</a>"""
    markup = parse(html)
    assert markup.links == ["http://x.org/a/b", "http://x.org/c", "http://x.org/a/e", "http://x.org/a/?page=2"]
    assert markup.link_counts == {NO_FOLLOW: 1}


@pytest.mark.parametrize("html", ["", "plain", "<", "<!--", "\x00<a href='x'>", "<a href='http://[bad'>"])
def test_links_of_what_is_hardly_html(html):
    assert parse(html).links in ([], ["http://x.org/a/x"])


def test_nesting_without_end():
    assert parse("<div>" * 1_000_000 + "<a href=x>").links in ([], ["http://x.org/a/x"])


def test_base_counts():
    assert parse('<base href="/deep/"><a href="x">x</a>').links == ["http://x.org/deep/x"]
    assert parse('<base href="//y.org"><a href="x">x</a>').links == ["http://y.org/x"]
    assert parse('<base target="_top"><a href="x">x</a>').links == ["http://x.org/a/x"]


def test_one_spelling_of_links_and_what_was_done_to_them():
    html = '<a href="?b=1&amp;a=2&amp;utm_source=x">1</a><a href="?a=2&b=1">2</a><a href="?PHPSESSID=1">3</a>'
    markup = parse(html)
    assert markup.links == ["http://x.org/a/?a=2&b=1", "http://x.org/a/"]
    assert markup.link_counts == {TRACKING_REMOVED: 1, SESSION_REMOVED: 1}


def test_links_that_are_too_many_or_too_long():
    html = "".join(f"<a href={n}>" for n in range(5)) + f"<a href={'x' * 3000}>"
    assert parse(html, max_links=3).links == [f"http://x.org/a/{n}" for n in range(3)]
    assert parse(html, max_links=3).link_counts == {TOO_MANY_LINKS: 3}
    assert parse(html).link_counts == {TOO_LONG: 1}


def test_nofollow_for_the_whole_page():
    html = '<head><meta name="robots" content="nofollow"></head><a href="x">'
    assert parse(html).links == []
    assert parse(html).link_counts == {NO_FOLLOW: 1}
    assert parse('<a href="x">', {"x-robots-tag": ["textmill: nofollow"]}).links == []


def test_noindex():
    assert parse('<head><META NAME="ROBOTS" CONTENT="NOINDEX"></head><a href="x">').directives.noindex
    assert parse('<head><meta name="robots" content="noindex"></head><a href="x">').links == ["http://x.org/a/x"]
    assert parse("text", {"x-robots-tag": ["noindex"]}).directives.noindex
    assert not parse('<head><meta name="otherbot" content="noindex"></head>').directives.noindex


@pytest.mark.parametrize(
    ("html", "headers", "canonical"),
    [
        ('<link rel="canonical" href="/b?utm_source=x">', {}, "http://x.org/b"),
        ('<link rel="Canonical" href="b">', {}, "http://x.org/a/b"),
        ('<base href="/deep/"><link rel="canonical" href="b">', {}, "http://x.org/deep/b"),
        (f'<link rel="canonical" href="{URL}#top">', {}, None),
        ('<link rel="canonical" href="">', {}, None),
        ('<link rel="canonical" href="javascript:1">', {}, None),
        ("", {"link": ['</s.css>; rel=preload, <http://x.org/b>; rel="canonical"']}, "http://x.org/b"),
        ("", {"link": ["</s.css>; rel=preload"]}, None),
    ],
)
def test_canonical(html, headers, canonical):
    assert parse(html, headers).canonical == canonical
    assert parse(html, headers, canonical=False).canonical is None


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0; url=/b", "http://x.org/b"),
        ("0;URL='b'", "http://x.org/a/b"),
        ('5, "b"', "http://x.org/a/b"),
        ("1.5;b", "http://x.org/a/b"),
        ("0;url=b#c", "http://x.org/a/b"),
        ("300; url=/b", None),
        ("0", None),
        ("5;", None),
        (f"0; url={URL}", None),
        ("soon; url=/b", None),
        ("", None),
    ],
)
def test_refresh(content, target):
    quoted = content.replace('"', "&quot;")
    assert parse(f'<meta http-equiv="Refresh" content="{quoted}">').refresh == target
    assert parse("", {"refresh": [content]}).refresh == target
    assert parse(f'<noscript><meta http-equiv="refresh" content="{quoted}"></noscript>').refresh is None


@pytest.mark.parametrize(
    "base", ["http://[SITE_URL]/", "http://[", "javascript:x", "mailto:a@b.org", "http://x:y/", ""]
)
def test_a_base_that_is_no_url_is_ignored(base):
    markup = parse_page(f"<base href='{base}'><a href='b'>b</a>", "http://x.org/a/", {}, MarkupRules())
    assert markup.links == ["http://x.org/a/b"]


def test_bad_urls_are_left_out_and_counted():
    bad = "http://[x]/"
    html = (
        f"<link rel=canonical href='{bad}'><meta http-equiv=refresh content='0; url={bad}'>"
        f"<a href='{bad}'>1</a><a href='http://x:y/'>2</a><a href='mailto:a@b.org'>3</a><a href='/c'>4</a>"
    )
    markup = parse_page(html, "http://x.org/", {"link": [f"<{bad}>; rel=canonical"], "refresh": [bad]}, MarkupRules())
    assert (markup.links, markup.canonical, markup.refresh) == (["http://x.org/c"], None, None)
    assert markup.link_counts == {"links that are no URLs": 2}
