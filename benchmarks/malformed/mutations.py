"""Pages and archive records broken in the ways that the web and disks break them; the same for the same seed."""

import gzip
import zlib
from collections.abc import Callable
from random import Random

TAGS = ("div", "span", "table", "tr", "td", "ul", "li", "p", "a", "b", "select", "option", "svg", "math", "template")
ODD_MARKUP = (
    b"<!--", b"-->", b"<![CDATA[", b"<script>", b"<style>", b"<textarea>", b"<plaintext>", b"<title>", b"<frameset>",
    b"<base href='//['>", b"</html>", b"</body>", b"<html><body>", b"<meta charset=utf-7>", b"<meta charset=''>",
    b"<pre>\n", b"<a href='\"<>'>", b"</p></br></div>", b"<table><table><td><table>", b"<svg><p></svg>",
    b"<img alt='" + b"x" * 5000 + b"'>", b"&#xD800;", b"&#99999999999;", b"&" * 50, b"<" * 50, b"\xef\xbb\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\x00", b"\xff\xfe", b"\x1b$B", b"%00%0d%0a", "\u202e\u2028\ufffe".encode(),
)  # fmt: skip
CODECS = ("utf-16", "utf-16-be", "utf-32", "gb18030", "big5", "shift_jis", "cp1252", "koi8-r", "utf-7", "latin-1")
CHARSETS = ("utf-8", "gb2312", "shift_jis", "x-user-defined", "utf-16", "hz-gb-2312", "none", "\x00", "é" * 40)
MAX_DEPTH, MAX_ATTRIBUTES, MAX_REPETITIONS = 1_000_000, 50_000, 2_000_000
RARE = 0.01  # of the pages are as bad as can be: megabytes of one thing


def draw_position(random_: Random, content: bytes) -> int:
    return random_.randrange(len(content) + 1)


def flip_bytes(random_: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random_.choice((1, 1, 8, 64, 512))):
        if changed:
            changed[random_.randrange(len(changed))] = random_.randrange(256)
    return bytes(changed)


def cut_end(random_: Random, content: bytes) -> bytes:
    return content[: max(draw_position(random_, content), 1)]


def cut_piece(random_: Random, content: bytes) -> bytes:
    start = draw_position(random_, content)
    return content[:start] + content[start + random_.randrange(1, 4096) :]


def repeat_piece(random_: Random, content: bytes) -> bytes:
    start = draw_position(random_, content)
    piece = content[start : start + random_.choice((10, 1000, 20_000))]
    return content[:start] + piece * random_.choice((2, 5, 50)) + content[start:]


def swap_pieces(random_: Random, content: bytes) -> bytes:
    first, second = sorted((draw_position(random_, content), draw_position(random_, content)))
    return content[second:] + content[first:second] + content[:first]


def add_odd_markup(random_: Random, content: bytes) -> bytes:
    for _ in range(random_.choice((1, 3, 30))):
        start = draw_position(random_, content)
        content = content[:start] + random_.choice(ODD_MARKUP) + content[start:]
    return content


def nest_deeply(random_: Random, content: bytes) -> bytes:
    depth = random_.randrange(MAX_DEPTH) if random_.random() < RARE else random_.choice((100, 1000, 5000))
    tags = [random_.choice(TAGS) for _ in range(random_.choice((1, 3)))]
    opened = "".join(f"<{tag}>" for tag in tags).encode() * (depth // len(tags))
    start = draw_position(random_, content)
    return content[:start] + opened + content[start:]


def add_crowded_tag(random_: Random, content: bytes) -> bytes:
    """A tag with very many attributes, or with a very long one."""
    few = random_.random() >= RARE
    if random_.random() < 0.5:
        number = random_.choice((100, 2000)) if few else MAX_ATTRIBUTES
        tag = b"<p " + b" ".join(b"a%d=%d" % (index, index) for index in range(number)) + b">"
    else:
        tag = b'<p title="' + random_.choice((b"x", b"&amp;", b"\xe4")) * (20_000 if few else MAX_REPETITIONS)
    start = draw_position(random_, content)
    return content[:start] + tag + content[start:]


def add_repetitions(random_: Random, content: bytes) -> bytes:
    """Very much of one thing."""
    number = random_.choice((100, 5000)) if random_.random() >= RARE else 200_000
    one = random_.choice(
        (b"<option>", b"<li>", b"<a href=x>", b"<td>", b"&lt;", b"<br>", b"word ", "字".encode(), b"\n", b"<!")
    )
    start = draw_position(random_, content)
    return content[:start] + one * number + content[start:]


def change_encoding(random_: Random, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode(random_.choice(CODECS), "replace")


Mutation = Callable[[Random, bytes], bytes]
MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes, cut_end, cut_piece, repeat_piece, swap_pieces, add_odd_markup, nest_deeply, add_crowded_tag,
    add_repetitions, change_encoding,
)  # fmt: skip


def mutate_page(random_: Random, content: bytes) -> tuple[list[bytes], bytes]:
    """The head lines and the body of a mutated answer."""
    for _ in range(random_.choice((1, 1, 2, 3))):
        content = random_.choice(MUTATIONS)(random_, content)
    head = [b"HTTP/1.1 200 OK", b"Content-Type: text/html; charset=utf-8"]
    damage = random_.random()
    if damage < 0.1:
        head[1] = b"Content-Type: text/html; charset=" + random_.choice(CHARSETS).encode()
    elif damage < 0.13:
        head[1] = random_.choice(
            (b"Content-Type:", b"", b"Content-Type: TEXT/PLAIN", b"\x00: \xff", b": :", b"no colon")
        )
    elif damage < 0.15:
        head[0] = random_.choice(
            (b"HTTP/1.1 200", b"HTTP/9 2OO", b"200", b"", b"HTTP/1.1 99999999999 OK", b"ICY 200 OK")
        )
    elif damage < 0.2:
        coding, packed = random_.choice(((b"gzip", gzip.compress(content, 1)), (b"deflate", zlib.compress(content, 1))))
        head.append(b"Content-Encoding: " + coding)
        content = random_.choice((cut_end, flip_bytes, lambda _, whole: whole))(random_, packed)
    elif damage < 0.22:
        head.append(b"Transfer-Encoding: chunked")
        content = random_.choice((b"5\r\n", b"%x\r\n" % len(content), b"fffffffffff\r\n", b"-1\r\n")) + content
    return head, content


def mutate_record(random_: Random, content: bytes) -> bytes:
    """A WARC record with a damaged head, or cut off, or with a length that lies."""
    return (
        random_.choice((flip_head, drop_line, misstate_length, cut_end, flip_bytes, repeat_head))(random_, content)
        or b"\n"
    )


def flip_head(random_: Random, content: bytes) -> bytes:
    return flip_bytes(random_, content[:300]) + content[300:]


def drop_line(random_: Random, content: bytes) -> bytes:
    head, between, block = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    del lines[random_.randrange(len(lines))]
    return b"\r\n".join(lines) + between + block


def misstate_length(random_: Random, content: bytes) -> bytes:
    length = random_.choice((0, 1, 100, 5_000, 100_000, 10**12, -5, "x", "9" * 500, ""))
    start = content.find(b"Content-Length: ")
    end = content.find(b"\r\n", start)
    return content[:start] + f"Content-Length: {length}".encode() + content[end:]


def repeat_head(random_: Random, content: bytes) -> bytes:
    return content[: random_.randrange(1, 300)] + content


def damage_packed(random_: Random, member: bytes) -> bytes:
    """A damaged gzip member or zstd frame."""
    return random_.choice((flip_bytes, cut_end, cut_piece))(random_, member) or b"\0"
