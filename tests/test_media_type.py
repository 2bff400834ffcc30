import pytest

from tasks.runtime.media_type import parse_media_type


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        (None, ""),
        ("", ""),
        ("Text/HTML; charset=utf-8", "text/html"),
        (" text/html ;", "text/html"),
        ("text/html, text/html", "text/html"),
        ("text/html; charset=utf-8, text/html; charset=utf-8", "text/html"),
        ("application/json, text/html", "text/html"),
        ('text/html; title="a, b/c"', "text/html"),
        ("text/html, */*", "text/html"),
        ("text/html, nonsense", "text/html"),
        ("html", ""),
        ("text", ""),
        ("text/", ""),
        ("text/ht ml", ""),
        ("*/*", ""),
        ("unknown/unknown", ""),
        ("charset=utf-8", ""),
        ("caf\xe9/html", ""),
    ],
)
def test_media_types(header, media_type):
    assert parse_media_type(header) == media_type
