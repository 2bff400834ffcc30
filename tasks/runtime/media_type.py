"""The media type of a page, from its Content-Type headers."""

import re

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MEDIA_TYPE = re.compile(rf"[ \t\r\n]*({NAME}/{NAME})[ \t\r\n]*(?:;|$)")
PART = re.compile(r"""(?:"(?:\\.|[^"\\])*"?|[^,"])+""")
# for these browsers look at the body instead, as without a type (MIME Sniffing, 7)
UNKNOWN_TYPES = frozenset({"*/*", "unknown/unknown", "application/unknown"})


def parse_media_type(content_type: str | None) -> str:
    """Return the media type in lower case, `Text/HTML; charset=utf-8` → `text/html`; empty when there is none.

    By the rule of browsers (Fetch standard, "extract a MIME type"): of several types, in one header or joined from
    several by commas, the last that is one counts. `html` and `text` are none: the body says what it is.
    """
    media_type = ""
    for part in PART.findall(content_type or ""):
        match = MEDIA_TYPE.match(part)
        if match and match[1].lower() != "*/*":
            media_type = match[1].lower()
    return "" if media_type in UNKNOWN_TYPES else media_type
