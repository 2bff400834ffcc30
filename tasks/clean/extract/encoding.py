"""From bytes to characters, by byte order mark, declared encoding and detection."""

import re

from resiliparse.parse.encoding import map_encoding_to_html5

from tasks.runtime.encodings import BYTE_ORDER_MARKS, MAX_BROKEN, count_foreign, detect_by_bytes, find_superset

CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
META_BYTES = 4096  # where a declaration is searched
MIN_PROOF_BYTES = 24  # so many non-ASCII bytes of another encoding hardly ever form valid UTF-8


def decode_page(body: bytes, content_type: str | None) -> str:
    """Decode a page; invalid bytes become U+FFFD. Never raises.

    Order: byte order mark; UTF-8 where the bytes prove it; HTTP header; meta tag or XML declaration; uchardet.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    declared = find_declared_encoding(body, content_type)
    num_foreign = count_foreign(body)
    if declared is None or declared == "utf-8" or num_foreign >= MIN_PROOF_BYTES:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            pass
        else:
            if declared is None and b"\x1b$" in body:  # ISO-2022-JP is ASCII with escapes
                declared = detect_by_bytes(body)
            else:
                return text
    return _decode_best(body, declared, max(num_foreign, 1))


def _decode_best(body: bytes, declared: str | None, num_foreign: int) -> str:
    """Decode as declared, as UTF-8 or as detected: by the first that fits, else by the one that fits best."""
    texts = []
    # the empty name stands for detection, which runs only when the others fit badly
    for encoding in (*([declared] if declared else []), "utf-8", ""):
        text = body.decode(encoding or detect_by_bytes(body), "replace")
        broken = text.count("\ufffd") / num_foreign
        if broken < MAX_BROKEN:
            return text
        texts.append((broken, text))
    return min(texts, key=lambda item: item[0])[1]


def find_declared_encoding(body: bytes, content_type: str | None) -> str | None:
    """Return the encoding that the HTTP header or the page declares, as Python's name of what browsers read it as."""
    header = CHARSET.search((content_type or "").encode("ascii", "replace"))
    head = body[:META_BYTES]
    for match in (header, CHARSET.search(head), XML_ENCODING.search(head)):
        if match and (name := map_encoding_to_html5(match[1].decode(), fallback_utf8=False)):
            if match is not header and name.startswith("utf-16"):
                return "utf-8"  # a meta tag that can be read as ASCII is not UTF-16 (HTML standard, 13.2.3.2)
            try:
                return find_superset(name)
            except LookupError:  # "replacement", by which the standard makes dangerous encodings unreadable
                continue
    return None
