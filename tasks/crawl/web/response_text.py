"""The text of responses and of headers that hold URLs, as browsers decode them."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from scrapy.http import Headers, HtmlResponse, Response

from tasks.crawl.page import HTML, guess_media_type
from tasks.crawl.web.markup import HeaderValues
from tasks.runtime.media_type import parse_media_type

# Codecs of Python that take bytes to text and that no page is written in.
OTHER_CODECS = {"idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape",
                "utf-7", "undefined", "mbcs", "oem"}  # fmt: skip
MARKUP_TYPES = (HTML, "application/xhtml+xml")


def decode_html(response: Response) -> tuple[str, str]:
    """Return the text of a page and its encoding; an empty text for what is no HTML. Never raises."""
    media_type = parse_media_type(
        ", ".join(value.decode("latin-1") for value in response.headers.getlist("Content-Type"))
    )
    if not isinstance(response, HtmlResponse):
        if (media_type or guess_media_type(response.body)) not in MARKUP_TYPES:
            return "", "utf-8"
        response = HtmlResponse(response.url, body=response.body, headers=response.headers)
    if is_text_encoding(response.encoding):
        return response.text, response.encoding
    detected = map_encoding_to_html5(detect_encoding(response.body) or "utf-8")
    encoding = detected if detected and is_text_encoding(detected) else "utf-8"
    return response.body.decode(encoding, "replace"), encoding


def is_text_encoding(name: str | None) -> bool:
    """Return whether a name is that of an encoding of text: base64, rot13 and zlib are codecs of Python too."""
    if name is None:
        return False
    try:
        return codecs.lookup(name).name not in OTHER_CODECS and isinstance(b"x".decode(name, "replace"), str)
    except (LookupError, ValueError):
        return False


def decode_location(headers: Headers) -> str:
    """Return the Location header: bytes that are no UTF-8 are escaped, so that the server gets them back."""
    value = headers.get("Location") or b""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return re.sub(rb"[\x80-\xff]", lambda match: b"%%%02X" % match[0][0], value).decode("ascii")


def decode_header(headers: Headers, name: str) -> str | None:
    """Return all values of a header, joined by commas; None when there is none."""
    return ", ".join(value.decode("latin-1") for value in headers.getlist(name)) or None


def group_headers(headers: Headers) -> HeaderValues:
    """Return all values of each header, by its lower-case name."""
    values_by_name: HeaderValues = {}
    for name, value in decode_headers(headers):
        values_by_name.setdefault(name.lower(), []).append(value)
    return values_by_name


def decode_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return (name, value) pairs in the order of the headers."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values
    )
