"""Answers of HTTP servers that follow the standard in part only: status lines, headers, framing, encodings, types."""

import gzip
import zlib
from random import Random

import brotli
import zstandard

STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK",
    b"HTTP/1.1 200 \xc3\x9cbel", b"HTTP/1.1 200 " + b"x" * 5000, b"ICY 200 OK", b"HTTP/9.9 200 OK", b"HTTP/1.1 2OO OK",
    b"HTTP/1.1 999 Odd", b"HTTP/1.1 99999999999 OK", b"HTTP/1.1 -1 OK", b"HTTP/1.1", b"", b"200 OK", b"\x00\x01\x02",
)  # fmt: skip
TYPES = (
    b"text/html", b"text/html; charset=utf-8", b"html", b"text/html, text/html", b'text/html;charset="utf-8',
    b"text/html; charset=", b"text/html; charset=base64", b"text/html; charset=rot13", b"text/html; charset=hex",
    b"text/html; charset=unicode_escape", b"text/html; charset=undefined", b"text/html; charset=idna", b"TEXT/HTML",
    b"text/html; charset=\xff\xfe", b"text/html; charset=" + b"x" * 3000, b"", b";", b"/", b"text", b"*/*",
    b"text/html; charset=utf-16", b"text/html; charset=utf-7", b"application/xhtml+xml", b"text/plain; charset=x-none",
)  # fmt: skip
HEADERS = (
    b"X-Latin: caf\xe9", b"X-Bytes: \xff\xfe\x00", b"X-Long: " + b"y" * 20_000, b"No colon", b": no name", b" folded",
    b"X-Fold: a\r\n b", b"X-Tab:\tvalue", b"X Space: v", b"X-Nul: a\x00b", b"Set-Cookie: " + b"c=" + b"d" * 9000,
    b"Last-Modified: yesterday", b"Last-Modified: Mon, 32 Foo 99999 99:99:99 GMT", b'ETag: "unfinished', b"ETag: \xe9",
    b"Retry-After: soon", b"Date: \x80", b"Link: <[>; rel=canonical", b"Location: http://[", b"X-Robots-Tag: \xe9",
    b"Content-Language: ", b"Age: 99999999999999999999", b"Via", b"\tX: y",
)  # fmt: skip
END_OF_LINE = (b"\r\n", b"\r\n", b"\r\n", b"\n")


def pack_body(random_: Random, body: bytes) -> tuple[bytes, bytes]:
    """Draw a content encoding; return the header line, which may be empty or untrue, and the body."""
    packed = {
        b"gzip": gzip.compress(body, 1),
        b"deflate": zlib.compress(body, 1),
        b"br": brotli.compress(body, quality=1),
        b"zstd": zstandard.compress(body, 1),
    }
    name = random_.choice(list(packed))
    raw_deflate = zlib.compress(body, 1)[2:-4]
    header = b"Content-Encoding: "
    return random_.choice(
        (
            (header + name, packed[name]),
            (header + name.upper(), packed[name]),
            (header + b"x-gzip", packed[b"gzip"]),
            (header + name, body),  # said and not done
            (b"", packed[name]),  # done and not said
            (header + name, packed[name][: len(packed[name]) // 2]),
            (header + name, packed[name] + b"garbage behind the end"),
            (header + b"gzip", gzip.compress(body[: len(body) // 2], 1) + gzip.compress(body[len(body) // 2 :], 1)),
            (header + b"gzip, gzip", gzip.compress(packed[b"gzip"], 1)),
            (header + b"deflate", raw_deflate),
            (header + b"identity", body),
            (header + b"none, utf-8", body),
            (header + b"\xff", body),
            (header + b"gzip", gzip.compress(bytes(60_000_000), 1)),  # unpacks to much more than is allowed
        )
    )


def frame_body(random_: Random, body: bytes) -> tuple[list[bytes], bytes]:
    """Draw how the end of the body is told; return header lines and what follows the head."""
    length = b"Content-Length: %d" % len(body)
    half = len(body) // 2
    chunks = b"%x\r\n%b\r\n%x;ext=1\r\n%b\r\n" % (half, body[:half], len(body) - half, body[half:])
    chunked = b"Transfer-Encoding: chunked"
    return random_.choice(
        (
            ([length], body),
            ([], body),  # until the connection ends
            ([length, length], body),
            ([b"Content-Length: %d" % (len(body) + 1000)], body),
            ([b"Content-Length: %d" % max(half, 1)], body),
            ([b"Content-Length: -5"], body),
            ([b"Content-Length: many"], body),
            ([length, b"Content-Length: 3"], body),
            ([chunked], chunks + b"0\r\n\r\n"),
            ([chunked], chunks + b"0\r\nX-Trailer: \xff\r\n\r\n"),
            ([chunked], chunks),  # no last chunk
            ([chunked], b"zz\r\n" + chunks),
            ([chunked, length], chunks + b"0\r\n\r\n"),
            ([b"Transfer-Encoding: \xe9, chunked"], chunks + b"0\r\n\r\n"),
            ([chunked], b"fffffffffffffff\r\n" + body),
        )
    )


def draw_answer(random_: Random, body: bytes) -> bytes:
    """Draw an answer as it is sent: one to three of its parts are not as the standard wants them."""
    parts = set(
        random_.sample(("status", "type", "headers", "packing", "framing", "line ends"), random_.choice((1, 1, 2, 3)))
    )
    lines = [random_.choice(STATUS_LINES) if "status" in parts else STATUS_LINES[0]]
    lines.append(b"Content-Type: " + (random_.choice(TYPES) if "type" in parts else TYPES[1]))
    if "type" in parts and random_.random() < 0.2:
        lines.append(b"Content-Type: " + random_.choice(TYPES))
    if "headers" in parts:
        lines += random_.sample(HEADERS, random_.choice((1, 2, 5)))
    if "packing" in parts:
        header, body = pack_body(random_, body)
        lines += [header] if header else []
    framing, content = frame_body(random_, body) if "framing" in parts else ([b"Content-Length: %d" % len(body)], body)
    end = random_.choice(END_OF_LINE) if "line ends" in parts else b"\r\n"
    return end.join([*lines, *framing, b"Connection: close"]) + end * 2 + content
