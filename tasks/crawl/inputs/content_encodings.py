"""Undo the transfer and content encodings of HTTP bodies, as browsers and warcio do where the headers are wrong.

| body | what becomes of it |
|---|---|
| several gzip members or zstd frames | all of them are unpacked |
| cut off, or damaged inside | what came before the damage is kept |
| unpacked already, though the header still names the encoding | kept as it is |
| packed with gzip or zstd, though no header says so | unpacked, if it holds text |
| of an encoding that nobody knows | kept as it is |
| unpacks to more than the limit | refused |
"""

import re
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import brotli
import zstandard

from tasks.crawl.inputs.packing import GZIP_MAGIC, ZSTD_MAGIC, DamagedData, is_skippable_frame

# Packed bytes that are unpacked in one step. Of zstd they stand for at most 8 MiB: it cannot be told to stop earlier.
CHUNK_BYTES = 256
MIN_ZSTD_WINDOW = 8 << 20  # bytes that a decoder has to allow (RFC 9659)
UNPACKING_ERRORS = (zlib.error, zstandard.ZstdError, brotli.error)
# Encodings for which there is no decoder here; bodies that are text have been decoded already.
UNSUPPORTED_ENCODINGS = ("compress", "x-compress", "dcb", "dcz", "aes128gcm", "exi", "pack200-gzip")
# Bytes that no text has (MIME Sniffing standard, 3); of 512 compressed bytes some 50 are among them.
BINARY_BYTES = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
SNIFFED_BYTES = 512
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# A chunk is its size in hexadecimal, perhaps extensions, a line end, the bytes, a line end (RFC 9112, 7.1).
CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*?)?\r?\n")
LAST_CHUNK = b"\r\n0\r\n\r\n"
LINE_END = re.compile(rb"\r?\n")


class BodyTooLarge(Exception):
    """A body unpacks to more than the limit."""


class DecodedBody(NamedTuple):
    """A body as its sender meant it, as far as it came."""

    content: bytes
    is_complete: bool


class MemberUnpacker(NamedTuple):
    """An unpacker of one gzip member, zstd frame or brotli stream, whatever its library calls things."""

    unpack: Callable[[bytes, int], bytes]  # of a chunk, at most so many bytes (zstd: more)
    is_finished: Callable[[], bool]
    get_rest: Callable[[], bytes]  # bytes of the last chunk behind the end


def decode_body(body: bytes, transfer_encoding: str, content_encoding: str, max_bytes: int) -> DecodedBody:
    """Undo the encodings that two headers name. Raises BodyTooLarge, and DamagedData when nothing can be read."""
    transfer_names, content_names = split_names(transfer_encoding), split_names(content_encoding)
    is_complete = True
    if "chunked" in transfer_names:
        body, is_complete = dechunk_body(body)
    elif body.endswith(LAST_CHUNK) and (dechunked := dechunk_body(body)).is_complete:
        body = dechunked.content  # nothing but a chunked body has this form from its first to its last byte
    # they are named in the order in which they were applied (RFC 9110, 8.4)
    for encoding in reversed([*content_names, *transfer_names]):
        decoded = undo_encoding(body, encoding, max_bytes)
        body, is_complete = decoded.content, is_complete and decoded.is_complete
        if len(body) > max_bytes:
            raise BodyTooLarge
    if len(body) > max_bytes:
        raise BodyTooLarge
    return DecodedBody(body, is_complete)


def unpack_undeclared(body: DecodedBody, max_bytes: int) -> DecodedBody:
    """Unpack a body of a text type that is gzip or zstd though no header said so, if it holds text.

    Raises BodyTooLarge.
    """
    is_gzip = body.content.startswith(GZIP_MAGIC)
    if not is_gzip and not is_zstd(body.content):
        return body
    try:
        unpacked = undo_encoding(body.content, "gzip" if is_gzip else "zstd", max_bytes)
    except DamagedData:
        return body
    if not is_text(unpacked.content):
        return body
    if len(unpacked.content) > max_bytes:
        raise BodyTooLarge
    return DecodedBody(unpacked.content, body.is_complete and unpacked.is_complete)


def split_names(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",")]


def undo_encoding(body: bytes, encoding: str, max_bytes: int) -> DecodedBody:
    """Undo one encoding; up to `max_bytes` and one more, a bomb stops there. Raises DamagedData."""
    if encoding in ("gzip", "x-gzip"):
        is_packed = body.startswith(GZIP_MAGIC[:2])
        return (
            unpack_members(body, partial(make_zlib_unpacker, 31), max_bytes) if is_packed else DecodedBody(body, True)
        )
    if encoding == "zstd":
        window = max(MIN_ZSTD_WINDOW, 1 << max_bytes.bit_length())
        return (
            unpack_members(body, partial(make_zstd_unpacker, window), max_bytes)
            if is_zstd(body)
            else DecodedBody(body, True)
        )
    if encoding == "deflate":
        # by the RFC it has a zlib head, but many servers send raw deflate
        windows = (15, -15) if has_zlib_head(body) else (-15,)
        return try_unpackers(body, [partial(make_zlib_unpacker, window) for window in windows], max_bytes)
    if encoding == "br":
        return try_unpackers(body, [make_brotli_unpacker], max_bytes)
    if encoding in UNSUPPORTED_ENCODINGS and not is_text(body):
        raise DamagedData(f"its encoding {encoding} cannot be undone")
    return DecodedBody(body, True)


def try_unpackers(body: bytes, makers: list[Callable[[], MemberUnpacker]], max_bytes: int) -> DecodedBody:
    """Unpack a body whose encoding has no magic number: if that fails and it is text, it was unpacked already."""
    if not body:
        return DecodedBody(body, True)
    best = DecodedBody(b"", False)
    for make_unpacker in makers:
        try:
            unpacked = unpack_members(body, make_unpacker, max_bytes)
        except DamagedData:
            continue
        if unpacked.is_complete:
            return unpacked
        best = max(best, unpacked, key=lambda candidate: len(candidate.content))
    if is_text(body):
        return DecodedBody(body, True)
    if not best.content:
        raise DamagedData("it is not what its encoding says")
    return best


def unpack_members(body: bytes, make_unpacker: Callable[[], MemberUnpacker], max_bytes: int) -> DecodedBody:
    """Unpack gzip members, zstd frames or a brotli stream one after another; what follows the last one is ignored.

    Stops one byte behind `max_bytes` or soon after. Raises DamagedData when nothing can be unpacked.
    """
    magic, content = body[:2], bytearray()
    while body:
        member, body = unpack_member(body, make_unpacker, max_bytes + 1 - len(content))
        content += member.content
        if not member.is_complete:
            if not content:
                raise DamagedData("it is damaged or cut off")
            return DecodedBody(bytes(content), len(content) > max_bytes)
        if len(content) > max_bytes:
            break
        # gzip files may be padded with zeros
        body = body.lstrip(b"\0")
        body = body if body.startswith(magic) or is_zstd(body) else b""
    return DecodedBody(bytes(content), True)


def unpack_member(
    packed: bytes, make_unpacker: Callable[[], MemberUnpacker], max_bytes: int
) -> tuple[DecodedBody, bytes]:
    """Unpack one member as far as it goes; return also what lies behind it."""
    content, position, step, unpacker = bytearray(), 0, CHUNK_BYTES, make_unpacker()
    while position < len(packed) and len(content) < max_bytes:
        try:
            content += unpacker.unpack(packed[position : position + step], max_bytes - len(content))
        except UNPACKING_ERRORS:
            if step == 1:
                break
            # A library hands out nothing of the chunk in which it fails: come back to it, byte by byte.
            content, step, unpacker = bytearray(), 1, make_unpacker()
            for start in range(0, position, CHUNK_BYTES):
                content += unpacker.unpack(packed[start : start + CHUNK_BYTES], max_bytes)
            continue
        position += step
        if unpacker.is_finished():
            return DecodedBody(bytes(content), True), unpacker.get_rest() + packed[position:]
    return DecodedBody(bytes(content), False), b""


def make_zlib_unpacker(window: int) -> MemberUnpacker:
    """Return an unpacker of gzip (31), zlib (15) or raw deflate (-15): `window` is zlib's `wbits`."""
    unpacker = zlib.decompressobj(window)
    return MemberUnpacker(unpacker.decompress, lambda: unpacker.eof, lambda: unpacker.unused_data)


def make_zstd_unpacker(window: int) -> MemberUnpacker:
    unpacker: Any = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
    return MemberUnpacker(
        lambda chunk, _: unpacker.decompress(chunk), lambda: unpacker.eof, lambda: unpacker.unused_data
    )


def make_brotli_unpacker() -> MemberUnpacker:
    unpacker: Any = brotli.Decompressor()

    def unpack(chunk: bytes, max_bytes: int) -> bytes:
        content = unpacker.process(chunk, output_buffer_limit=max_bytes)
        # the limit is where it begins to hold back, so what it holds back is asked for until the limit is passed
        while len(content) < max_bytes and not unpacker.can_accept_more_data():
            content += unpacker.process(b"", output_buffer_limit=max_bytes - len(content))
        return bytes(content)

    return MemberUnpacker(unpack, unpacker.is_finished, lambda: b"")


def has_zlib_head(body: bytes) -> bool:
    """Return whether a body begins as zlib's format does (RFC 1950, 2.2): method 8, and a check of two bytes."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def is_zstd(body: bytes) -> bool:
    return body.startswith(ZSTD_MAGIC) or is_skippable_frame(body)


def is_text(body: bytes) -> bool:
    """Return whether the first bytes of a body may be text."""
    return body.startswith(UTF_16_MARKS) or BINARY_BYTES.search(body[:SNIFFED_BYTES]) is None


def dechunk_body(body: bytes) -> DecodedBody:
    """Undo chunked transfer; a body that is not chunked is returned unchanged.

    Of a body that was cut off, the chunks that arrived are kept. It is complete when it ends with a chunk of size 0.
    """
    parts: list[bytes] = []
    position = 0
    while match := CHUNK_HEAD.match(body, position):
        size, start = int(match[1], 16), match.end()
        if not size:
            return DecodedBody(b"".join(parts), True)
        parts.append(body[start : start + size])
        end = LINE_END.match(body, start + size)
        if end is None:
            # without a line end behind it, it is the last chunk that came, or the body never was chunked
            is_last = start + size >= len(body)
            return DecodedBody(b"".join(parts), False) if is_last or len(parts) > 1 else DecodedBody(body, False)
        position = end.end()
    return DecodedBody(b"".join(parts) if parts else body, False)
