"""Character encodings: the names that Python knows them by, their supersets, and detection by the bytes of a text."""

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
