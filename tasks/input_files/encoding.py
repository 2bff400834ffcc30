"""From bytes to characters, by byte order mark, declared encoding and detection."""

import codecs
import re

from resiliparse.parse.encoding import map_encoding_to_html5

from tasks.runtime.encodings import (
    BYTE_ORDER_MARKS,
    MAX_BROKEN,
    count_foreign,
    detect_by_bytes,
    detect_utf_16,
    find_superset,
    guess_encoding,
)

CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
META_BYTES = 4096  # where a declaration is searched
MAX_ZEROS = 0.02  # fraction of zero bytes in a text that is damaged
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


def decode_text(content: bytes, encoding: str = "") -> tuple[str, str]:
    """Decode a text file, without its byte order mark; returns the text and the name of its encoding.

    Where no encoding is named: by the byte order mark; as UTF-8 where all bytes are; as UTF-16 by its zero bytes; by
    uchardet, with U+FFFD for what does not fit. Raises UnicodeDecodeError and LookupError for a named encoding.
    """
    if encoding:
        name = codecs.lookup(encoding).name
        return content.decode("utf-8-sig" if name == "utf-8" else name).removeprefix("\ufeff"), name
    for mark, marked_encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(marked_encoding, "replace"), marked_encoding
    if guess := detect_utf_16(content):
        return content.decode(guess, "replace"), guess
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        # UTF-8 with a broken byte, as where two files were joined, is still that
        name = guess_encoding(content, is_complete=True)
        return content.decode(name, "replace"), name


def is_binary(content: bytes) -> bool:
    """Return whether a file holds no text: it has zero bytes, and they are not those of UTF-16 or UTF-32."""
    head = content[:65536]
    if head.startswith((b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"PAR1")):
        return True
    if b"\0" not in head or any(head.startswith(mark) for mark, _ in BYTE_ORDER_MARKS):
        return False
    # some damaged bytes in a text are no proof
    return not detect_utf_16(content) and head.count(0) > max(2, len(head) * MAX_ZEROS)


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
