"""Streams in other encodings than UTF-8: the encoding is guessed from the first part, and the reader gets UTF-8."""

import codecs
import io
from typing import Any, BinaryIO

from tasks.input_files.encoding import BYTE_ORDER_MARKS, detect_utf_16, guess_encoding

CHUNK_BYTES = 1 << 16
SAMPLE_BYTES = 1 << 18  # by which an encoding is guessed, from the first byte on that is not ASCII
UTF_8 = "utf-8"


class Utf8Reader(io.RawIOBase):
    """Reads a stream in any encoding as UTF-8, without a byte order mark.

    `encoding` is empty while all bytes are ASCII, which says nothing. Bytes of a UTF-8 stream are handed on unchanged,
    right or wrong; in others what cannot be decoded becomes U+FFFD.
    """

    def __init__(self, stream: BinaryIO, encoding: str = "") -> None:
        self.stream, self.encoding = stream, encoding
        self.decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding not in ("", UTF_8) else None
        self.is_first = True
        self.ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as a raw file does. Raises what the stream raises."""
        while not self.ready:
            chunk = self.stream.read(CHUNK_BYTES)
            is_last = not chunk
            chunk = self._settle(chunk)
            if self.decoder is not None:
                chunk = self.decoder.decode(chunk, is_last).encode()
            self.ready = memoryview(chunk)
            if is_last:
                break
        size = min(len(buffer), len(self.ready))
        buffer[:size], self.ready = self.ready[:size], self.ready[size:]
        return size

    def _settle(self, chunk: bytes) -> bytes:
        """Guess the encoding if this chunk allows it; return the chunk, without a mark, and more if it was needed."""
        if self.is_first:
            self.is_first = False
            for mark, encoding in BYTE_ORDER_MARKS:
                if chunk.startswith(mark):
                    self._decode_as(encoding)  # as in browsers, it outranks what was said
                    return chunk[len(mark) :]
            if not self.encoding and (encoding := detect_utf_16(chunk[: len(chunk) // 2 * 2])):
                self._decode_as(encoding)
        # ISO-2022-JP is ASCII with escapes
        if not self.encoding and not (chunk.isascii() and b"\x1b$" not in chunk):
            chunk += self.stream.read(SAMPLE_BYTES)
            self._decode_as(guess_encoding(chunk, is_complete=False))
        return chunk

    def _decode_as(self, encoding: str) -> None:
        self.encoding = encoding
        self.decoder = None if encoding == UTF_8 else codecs.getincrementaldecoder(encoding)("replace")


def find_encoding(stream: BinaryIO) -> str:
    """Guess the encoding of a stream: by its byte order mark, by the zero bytes of UTF-16, as UTF-8, or by detection.

    Reads on until there is something that is not ASCII, which alone counts as UTF-8.
    """
    reader = Utf8Reader(stream)
    buffer = bytearray(CHUNK_BYTES)
    while not reader.encoding and reader.readinto(buffer):
        pass
    return reader.encoding or UTF_8
