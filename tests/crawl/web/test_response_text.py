import pytest
from scrapy.http import Headers, HtmlResponse, Response

from tasks.crawl.web.response_text import decode_header, decode_html, decode_location
from tasks.crawl.web.urls import normalise_url

TEXT = "<html><body><p>Grüße aus dem Süden, über die Brücke.</p></body></html>"


@pytest.mark.parametrize(
    "charset",
    ["base64", "rot13", "hex", "zlib", "bz2", "uu", "quopri", "idna", "punycode", "unicode_escape", "utf_7",
     "undefined", "nonsense", "", "\xe9"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["header", "meta"])
def test_a_charset_that_is_none_is_detected(charset, place):
    meta = f'<meta charset="{charset}">' if place == "meta" else ""
    header = f"text/html; charset={charset}" if place == "header" else "text/html"
    response = HtmlResponse(
        "http://x.org/", body=(meta + TEXT).encode(), headers={"Content-Type": header.encode("latin-1")}
    )
    text, encoding = decode_html(response)
    assert TEXT in text
    assert normalise_url("/?q=ü", "http://x.org/", encoding) == "http://x.org/?q=%C3%BC"


def test_declared_encodings_are_kept():
    response = HtmlResponse(
        "http://x.org/", body=TEXT.encode("latin-1"), headers={"Content-Type": "text/html; charset=latin1"}
    )
    assert decode_html(response)[0] == TEXT


@pytest.mark.parametrize(
    ("content_type", "is_read"), [("html", True), ("", True), ("text/plain", False), ("image/png", False)]
)
def test_a_body_says_what_it_is_when_its_type_does_not(content_type, is_read):
    response = Response(
        "http://x.org/", body=TEXT.encode(), headers={"Content-Type": content_type} if content_type else {}
    )
    assert bool(decode_html(response)[0]) == is_read


def test_headers_with_odd_bytes():
    headers = Headers({"Content-Type": [b"text/html", b"text/html; charset=utf-8"], "X": b"caf\xe9"})
    assert decode_header(headers, "Content-Type") == "text/html, text/html; charset=utf-8"
    assert decode_header(headers, "X") == "café"
    assert decode_header(headers, "Y") is None
    assert decode_location(Headers({"Location": "/ü".encode()})) == "/ü"
    assert decode_location(Headers({"Location": b"/\xfc"})) == "/%FC"
    assert decode_location(Headers({})) == ""
