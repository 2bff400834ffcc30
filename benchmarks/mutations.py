"""Pages and archive records broken in the ways that the web and disks break them; the same for the same seed."""

import gzip
import random
import zlib
from collections.abc import Callable

Draw = random.Random
TAGS = ("div", "span", "table", "tr", "td", "ul", "li", "p", "a", "b", "select", "option", "svg", "math", "template")
SOUP = (
    b"<!--", b"-->", b"<![CDATA[", b"<script>", b"<style>", b"<textarea>", b"<plaintext>", b"<title>", b"<frameset>",
    b"<base href='//['>", b"</html>", b"</body>", b"<html><body>", b"<meta charset=utf-7>", b"<meta charset=''>",
    b"<pre>\n", b"<a href='\"<>'>", b"</p></br></div>", b"<table><table><td><table>", b"<svg><p></svg>",
    b"<img alt='" + b"x" * 5000 + b"'>", b"&#xD800;", b"&#99999999999;", b"&" * 50, b"<" * 50, b"\xef\xbb\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\x00", b"\xff\xfe", b"\x1b$B", b"%00%0d%0a", "\u202e\u2028\ufffe".encode(),
)  # fmt: skip
CODECS = ("utf-16", "utf-16-be", "utf-32", "gb18030", "big5", "shift_jis", "cp1252", "koi8-r", "utf-7", "latin-1")
CHARSETS = ("utf-8", "gb2312", "shift_jis", "x-user-defined", "utf-16", "hz-gb-2312", "none", "\x00", "é" * 40)
MOST_NESTED, MOST_ATTRIBUTES, MOST_OF_ONE = 1_000_000, 50_000, 2_000_000
RARE = 0.01  # of the pages are as bad as can be: megabytes of one thing


def place(draw: Draw, content: bytes) -> int:
    return draw.randrange(len(content) + 1)


def flipped(draw: Draw, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 8, 64, 512))):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def cut(draw: Draw, content: bytes) -> bytes:
    return content[: max(place(draw, content), 1)]


def gone(draw: Draw, content: bytes) -> bytes:
    start = place(draw, content)
    return content[:start] + content[start + draw.randrange(1, 4096) :]


def doubled(draw: Draw, content: bytes) -> bytes:
    start = place(draw, content)
    piece = content[start : start + draw.choice((10, 1000, 20_000))]
    return content[:start] + piece * draw.choice((2, 5, 50)) + content[start:]


def moved(draw: Draw, content: bytes) -> bytes:
    first, second = sorted((place(draw, content), place(draw, content)))
    return content[second:] + content[first:second] + content[:first]


def soup(draw: Draw, content: bytes) -> bytes:
    for _ in range(draw.choice((1, 3, 30))):
        start = place(draw, content)
        content = content[:start] + draw.choice(SOUP) + content[start:]
    return content


def nested(draw: Draw, content: bytes) -> bytes:
    depth = draw.randrange(MOST_NESTED) if draw.random() < RARE else draw.choice((100, 1000, 5000))
    tags = [draw.choice(TAGS) for _ in range(draw.choice((1, 3)))]
    opened = "".join(f"<{tag}>" for tag in tags).encode() * (depth // len(tags))
    start = place(draw, content)
    return content[:start] + opened + content[start:]


def crowded(draw: Draw, content: bytes) -> bytes:
    """A tag with very many attributes, or with a very long one."""
    few = draw.random() >= RARE
    if draw.random() < 0.5:
        number = draw.choice((100, 2000)) if few else MOST_ATTRIBUTES
        tag = b"<p " + b" ".join(b"a%d=%d" % (each, each) for each in range(number)) + b">"
    else:
        tag = b'<p title="' + draw.choice((b"x", b"&amp;", b"\xe4")) * (20_000 if few else MOST_OF_ONE)
    start = place(draw, content)
    return content[:start] + tag + content[start:]


def repeated(draw: Draw, content: bytes) -> bytes:
    """Very much of one thing."""
    number = draw.choice((100, 5000)) if draw.random() >= RARE else 200_000
    one = draw.choice(
        (b"<option>", b"<li>", b"<a href=x>", b"<td>", b"&lt;", b"<br>", b"word ", "字".encode(), b"\n", b"<!")
    )
    start = place(draw, content)
    return content[:start] + one * number + content[start:]


def recoded(draw: Draw, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode(draw.choice(CODECS), "replace")


OF_CONTENT: tuple[Callable[[Draw, bytes], bytes], ...] = (
    flipped, cut, gone, doubled, moved, soup, nested, crowded, repeated, recoded,
)  # fmt: skip


def page(draw: Draw, content: bytes) -> tuple[list[bytes], bytes]:
    """The head lines and the body of a mutated answer."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        content = draw.choice(OF_CONTENT)(draw, content)
    head = [b"HTTP/1.1 200 OK", b"Content-Type: text/html; charset=utf-8"]
    damage = draw.random()
    if damage < 0.1:
        head[1] = b"Content-Type: text/html; charset=" + draw.choice(CHARSETS).encode()
    elif damage < 0.13:
        head[1] = draw.choice((b"Content-Type:", b"", b"Content-Type: TEXT/PLAIN", b"\x00: \xff", b": :", b"no colon"))
    elif damage < 0.15:
        head[0] = draw.choice((b"HTTP/1.1 200", b"HTTP/9 2OO", b"200", b"", b"HTTP/1.1 99999999999 OK", b"ICY 200 OK"))
    elif damage < 0.2:
        coding, packed = draw.choice(((b"gzip", gzip.compress(content, 1)), (b"deflate", zlib.compress(content, 1))))
        head.append(b"Content-Encoding: " + coding)
        content = draw.choice((cut, flipped, lambda _, whole: whole))(draw, packed)
    elif damage < 0.22:
        head.append(b"Transfer-Encoding: chunked")
        content = draw.choice((b"5\r\n", b"%x\r\n" % len(content), b"fffffffffff\r\n", b"-1\r\n")) + content
    return head, content


def record(draw: Draw, content: bytes) -> bytes:
    """A WARC record with a damaged head, or cut off, or with a length that lies."""
    return draw.choice((flipped_head, line_gone, lying, cut, flipped, doubled_head))(draw, content) or b"\n"


def flipped_head(draw: Draw, content: bytes) -> bytes:
    return flipped(draw, content[:300]) + content[300:]


def line_gone(draw: Draw, content: bytes) -> bytes:
    head, between, block = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    del lines[draw.randrange(len(lines))]
    return b"\r\n".join(lines) + between + block


def lying(draw: Draw, content: bytes) -> bytes:
    length = draw.choice((0, 1, 100, 5_000, 100_000, 10**12, -5, "x", "9" * 500, ""))
    start = content.find(b"Content-Length: ")
    end = content.find(b"\r\n", start)
    return content[:start] + f"Content-Length: {length}".encode() + content[end:]


def doubled_head(draw: Draw, content: bytes) -> bytes:
    return content[: draw.randrange(1, 300)] + content


def packed(draw: Draw, member: bytes) -> bytes:
    """A damaged gzip member or zstd frame."""
    return draw.choice((flipped, cut, gone))(draw, member) or b"\0"
