"""Passwords are never in URLs, and never in what is stored."""

import gzip

import pytest

from tasks.crawl.sources.web import Web
from tasks.crawl.web.credentials import HEADERS_VARIABLE, read_host_headers
from tasks.errors import BadSetting


@pytest.mark.parametrize(
    "web",
    [
        {"seeds": ["http://me:secret@127.0.0.1/"]},
        {"seeds": ["http://me@127.0.0.1/"]},
        {"seeds": [" http://:secret@127.0.0.1/"]},
        {"seeds": ["http://me:secret@[127.0.0.1/"]},
        {"seeds": ["http://127.0.0.1/"], "sitemaps": {"urls": ["http://me:secret@127.0.0.1/map.xml"]}},
    ],
)
def test_a_password_in_a_url_is_refused(web):
    with pytest.raises(BadSetting) as failure:
        Web.model_validate(web).semantic()
    assert "secret" not in str(failure.value)
    assert HEADERS_VARIABLE in failure.value.hint


def test_an_at_sign_elsewhere_is_none():
    Web(seeds=["http://127.0.0.1/@me?mail=a:b@x.org"]).semantic()


@pytest.mark.parametrize("text", ["secret", '["secret"]', '{"x.org": "secret"}', '{"x.org": {"A": "\\u4e2d"}}'])
def test_malformed_headers_are_refused(monkeypatch, text):
    monkeypatch.setenv(HEADERS_VARIABLE, text)
    with pytest.raises(BadSetting) as failure:
        read_host_headers()
    assert "secret" not in str(failure.value)


@pytest.mark.slow
def test_headers_from_the_environment_are_sent_and_not_stored(site, crawled, monkeypatch):
    host = site.address.removeprefix("http://")
    monkeypatch.setenv(HEADERS_VARIABLE, f'{{"{host}": {{"User-Agent": "secret-agent"}}}}')
    site.pages["/"] = site.page(f"http://me:password@{host}/b")
    site.pages["/b"] = site.page(text="b")
    draft = crawled()
    assert site.agents == {"secret-agent"}
    assert draft.counts["pages"] == 2
    archive = b"".join(gzip.decompress(path.read_bytes()) for path in draft.path.glob("warc/*"))
    assert b"secret-agent" not in archive
    # the page's own text stays as it is
    assert b": http://me:password" not in archive
