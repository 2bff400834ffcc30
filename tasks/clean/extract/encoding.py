"""From bytes to characters: byte order mark, declared encoding, then what the bytes look like."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# The web says gb2312, shift_jis, big5 and euc-kr and means their supersets.
SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "iso8859-11": "cp874",
}
WINDOWS = {
    "iso8859-2": "cp1250", "iso8859-16": "cp1250", "iso8859-5": "cp1251", "iso8859-7": "cp1253",
    "iso8859-9": "cp1254", "iso8859-8": "cp1255", "iso8859-6": "cp1256", "iso8859-13": "cp1257",
}  # fmt: skip
C1 = re.compile(rb"[\x80-\x9f]")
CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9_:.-]{2,40})""")
META_BYTES = 4096
FEW_ARE_BROKEN = 0.1
NO_ACCIDENT = 24  # so many bytes of another encoding hardly ever form valid UTF-8


def decoded(body: bytes, content_type: str | None) -> str:
    """The text of a page; bytes that mean nothing become U+FFFD. Never raises.

    Order: byte order mark; UTF-8 where the bytes prove it; HTTP header; meta tag or XML declaration; uchardet.
    """
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    told = declared(body, content_type)
    num_foreign = len(body) - len(body.translate(None, bytes(range(128, 256))))
    if told is None or told == "utf-8" or num_foreign >= NO_ACCIDENT:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            pass
        else:
            if told is None and b"\x1b$" in body:  # ISO-2022-JP is ASCII with escapes
                told = _detected(body)
            else:
                return text
    return _fewest_broken(body, told, max(num_foreign, 1))


def _fewest_broken(body: bytes, told: str | None, num_foreign: int) -> str:
    """What was declared, UTF-8 or what the bytes look like: the first that fits, else the one that fits best."""
    texts = []
    for encoding in (*([told] if told else []), "utf-8", ""):
        text = body.decode(encoding or _detected(body), "replace")
        broken = text.count("\ufffd") / num_foreign
        if broken < FEW_ARE_BROKEN:
            return text
        texts.append((broken, text))
    return min(texts, key=lambda each: each[0])[1]


def _detected(body: bytes) -> str:
    """What uchardet takes the bytes for; with C1 controls, which no text has, the Windows code page of its kind."""
    found = detect_encoding(body, html5_compatible=False) or "utf-8"
    try:  # the mapping knows no cp949, and Python no "replacement"
        name = _superset(map_encoding_to_html5(found, fallback_utf8=False) or found)
    except LookupError:
        return "utf-8"
    return WINDOWS.get(name, name) if C1.search(body) else name


def declared(body: bytes, content_type: str | None) -> str | None:
    """The encoding that the HTTP header or the page itself names, as Python's name of what browsers take it for."""
    header = CHARSET.search((content_type or "").encode("ascii", "replace"))
    head = body[:META_BYTES]
    for found in (header, CHARSET.search(head), XML_ENCODING.search(head)):
        if found and (name := map_encoding_to_html5(found[1].decode(), fallback_utf8=False)):
            if found is not header and name.startswith("utf-16"):
                return "utf-8"  # a meta tag that can be read as ASCII is not UTF-16 (HTML standard, 13.2.3.2)
            return _superset(name)
    return None


def _superset(name: str) -> str:
    name = codecs.lookup(name).name
    return SUPERSETS.get(name, name)
