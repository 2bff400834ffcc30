"""From bytes to characters: by byte order mark, declared encoding and detection, with the names that Python knows."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

# UTF-32 before UTF-16, whose mark its own begins with.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Texts that are said to be gb2312, shift_jis, big5 or euc-kr are written in their supersets.
SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "iso8859-11": "cp874",
}
# The Windows code page of the same script as an ISO encoding, whose bytes 80 to 9F are letters and not controls.
WINDOWS_CODE_PAGES = {
    "iso8859-2": "cp1250", "iso8859-16": "cp1250", "iso8859-5": "cp1251", "iso8859-7": "cp1253",
    "iso8859-9": "cp1254", "iso8859-8": "cp1255", "iso8859-6": "cp1256", "iso8859-13": "cp1257",
}  # fmt: skip
C1_CONTROLS = re.compile(rb"[\x80-\x9f]")
SNIFFED_BYTES = 1 << 16  # even
MAX_BROKEN = 0.1  # replacement characters per non-ASCII byte with which a decoding still counts as right
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


def count_foreign(body: bytes) -> int:
    """Return the number of non-ASCII bytes."""
    # `translate` deletes them; what is gone is their number
    return len(body) - len(body.translate(None, bytes(range(128, 256))))


def detect_by_bytes(body: bytes) -> str:
    """Detect the encoding of a text with uchardet.

    Bytes 80 to 9F are controls in ISO encodings, which no text has: with them it is the Windows code page.
    """
    detected = detect_encoding(body, html5_compatible=False) or "utf-8"
    try:  # the mapping knows no cp949, and Python no "replacement"
        name = find_superset(map_encoding_to_html5(detected, fallback_utf8=False) or detected)
    except LookupError:
        return "utf-8"
    return WINDOWS_CODE_PAGES.get(name, name) if C1_CONTROLS.search(body) else name


def guess_encoding(text: bytes, *, is_complete: bool) -> str:
    """Guess the encoding of a text that is not all ASCII: UTF-8 where that leaves little broken, else by its bytes."""
    # a part of a text may end within a character
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    num_foreign = count_foreign(text)
    if num_foreign and decoder.decode(text, is_complete).count("\ufffd") / num_foreign < MAX_BROKEN:
        return "utf-8"
    return detect_by_bytes(text)


def detect_utf_16(text: bytes) -> str:
    """Return the encoding of UTF-16 without a mark: every ASCII character has a zero byte on one side. Else empty."""
    head = text[:SNIFFED_BYTES]
    if len(text) % 2 or b"\0" not in head:
        return ""
    first, second = head[::2].count(0), head[1::2].count(0)
    # zero bytes in a text that is UTF-8 otherwise are damage, unless every second byte is one
    min_zeros = 0.35 * len(head) if is_utf_8(head) else 0.02 * len(head)
    if first + second < min_zeros or min(first, second) > 0.01 * len(head):
        return ""
    return "utf-16-be" if first > second else "utf-16-le"


def is_utf_8(start: bytes) -> bool:
    """Tell whether the start of a text, which may end within a character, is UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def find_superset(name: str) -> str:
    """Return Python's name of an encoding, or of its superset. Raises LookupError for one that is none of text."""
    codec = codecs.lookup(name)
    # rot13, hex and zip are codecs too, and turn bytes into bytes; undefined refuses every text
    if not getattr(codec, "_is_text_encoding", True) or codec.name == "undefined":
        raise LookupError(f"{name} is no encoding of text")
    return SUPERSETS.get(codec.name, codec.name)
