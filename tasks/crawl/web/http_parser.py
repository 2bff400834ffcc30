"""Parse HTTP/1 responses as browsers do: what is malformed is repaired or left out where the meaning is clear.

aiohttp's own parser refuses a whole response for one odd header. The rules here are those of Chromium's network stack
(net/http/http_util.cc, http_stream_parser.cc) where RFC 9112 leaves the choice to the client:

- Lines end with CRLF, LF or CR. A line that begins with a blank continues the one before (obs-fold).
- A line without a colon, or whose name is no token, is left out. NUL bytes are removed. Header values may be any bytes.
- The status line may lack the reason, the status (200 then) and the version (1.0 then); a status has three digits.
- A head may have MAX_HEAD_BYTES, however many or long its headers are.
- `chunked` anywhere in Transfer-Encoding means chunks, and Content-Length is ignored then. Other codings are ignored.
- Equal Content-Length headers are one; one that is no number is ignored; different ones are an error.
- What follows the announced length is ignored, and the connection is not used again.
- A body that ends before its announced length or its last chunk, or that has a wrong size of a chunk, ends early there.
  It is kept when a second request brings the same: see `ShortBodyMiddleware`. A connection that is reset is an error.
"""

import re
from asyncio import AbstractEventLoop
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import (
    BadHttpMessage,
    BadStatusLine,
    ContentLengthError,
    LineTooLong,
    TransferEncodingError,
)
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from tasks.crawl.web.http_head import (
    STATUS_LINE,
    build_message,
    clean_length,
    find_content_length,
    parse_header_lines,
    parse_status_line,
)

MAX_HEAD_BYTES = 256 << 10  # as Chromium
MAX_INTERIM_RESPONSES = 100  # 100 Continue, 103 Early Hints and so on before one answer
MAX_CHUNK_LINE = 16 << 10  # the size of a chunk with its extensions
END_OF_HEAD = re.compile(rb"\r?\n\r?\n|\r\r")
LINE_BREAKS = re.compile(rb"\r\n|\n|\r")


class ResponseBody(StreamReader):
    """The body of a response; `ended_early` says why it is not what was announced."""

    ended_early: Exception | None = None


class ChunkDecoder:
    """Takes a body apart that is transferred in chunks (RFC 9112, 7.1)."""

    def __init__(self) -> None:
        self.buffer = b""
        self.remaining = 0  # bytes of the present chunk
        self.needs_line_end = False  # behind a chunk
        self.is_in_trailer = False
        self.is_done = False

    def decode(self, data: bytes) -> bytes:
        """Return the part of the body that the next bytes hold. Raises TransferEncodingError."""
        self.buffer += data
        parts: list[bytes] = []
        try:
            while self.buffer and not self.is_done and self._take_part(parts):
                pass
        except TransferEncodingError:
            if not parts:
                raise
            self.needs_line_end, self.buffer = False, b"?"  # the error is raised again by the next bytes, or the end
        return b"".join(parts)

    def _take_part(self, parts: list[bytes]) -> bool:
        """Move one part from the buffer; False when it needs more bytes."""
        if self.remaining:
            parts.append(self.buffer[: self.remaining])
            self.buffer = self.buffer[self.remaining :]
            self.remaining -= len(parts[-1])
            self.needs_line_end = not self.remaining
            return True
        line, newline, rest = self.buffer.partition(b"\n")
        if not newline:
            if len(self.buffer) > MAX_CHUNK_LINE:
                raise TransferEncodingError("a chunk's size is too long")
            return False
        line = line.strip(b" \t\r")
        if self.needs_line_end:
            if line:
                raise TransferEncodingError("more bytes than a chunk announces")
            self.needs_line_end = False
        elif self.is_in_trailer:
            self.is_done = not line
        else:
            size = line.partition(b";")[0].strip(b" \t")
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
                raise TransferEncodingError(f"{size[:20]!r} is no size of a chunk")
            self.remaining = int(size, 16)
            self.is_in_trailer = not self.remaining
        self.buffer = rest
        return True


class TolerantResponseParser:
    """Parses the responses of one connection; used by aiohttp's protocol in the place of its own parser."""

    def __init__(self, protocol: BaseProtocol, loop: AbstractEventLoop, limit: int, timer: Any) -> None:
        self.protocol, self.loop, self.limit, self.timer = protocol, loop, limit, timer
        self.head = b""
        self.num_interim = 0
        self.payload: ResponseBody | None = None
        self.is_reset = False
        self.remaining: int | None = None  # bytes of the body; None: until the connection ends
        self.chunks: ChunkDecoder | None = None
        self.is_done = False  # the response is complete: what follows is ignored

    def feed_data(self, data: bytes) -> tuple[list[tuple[RawResponseMessage, StreamReader]], bool, bytes]:
        """Take bytes of the connection; return the messages whose head is complete, and that nothing was upgraded.

        Raises aiohttp's HttpProcessingError.
        """
        messages: list[tuple[RawResponseMessage, StreamReader]] = []
        if self.payload is not None:
            self._feed_body(bytes(data))
        elif not self.is_done:
            self.head += data
            while self.payload is None and not self.is_done and (message := self._take_head()) is not None:
                messages.append(message)
        return messages, False, b""

    def _take_head(self) -> tuple[RawResponseMessage, StreamReader] | None:
        self.head = self.head.lstrip(b"\r\n")
        match = END_OF_HEAD.search(self.head)
        if len(self.head if match is None else self.head[: match.start()]) > MAX_HEAD_BYTES:
            raise LineTooLong(self.head[:100], MAX_HEAD_BYTES)
        if match is None:
            if len(self.head) >= 4 and not STATUS_LINE.match(self.head):
                raise BadStatusLine(self.head[:100].decode("latin-1"))
            return None
        lines = LINE_BREAKS.split(self.head[: match.start()])
        rest, self.head = self.head[match.end() :], b""
        version, status, reason = parse_status_line(lines[0])
        message = build_message(version, status, reason, clean_length(parse_header_lines(lines[1:])))
        if 100 <= status < 200 and status != 101:
            self.num_interim += 1
            if self.num_interim > MAX_INTERIM_RESPONSES:
                raise BadHttpMessage("too many interim responses")
            self.head = rest
            return message, EMPTY_PAYLOAD
        return message, self._begin_body(message, rest)

    def _begin_body(self, message: RawResponseMessage, rest: bytes) -> StreamReader:
        headers = list(message.raw_headers)
        self.remaining = None if message.chunked else find_content_length(headers)
        if message.code in (101, 204, 304) or self.remaining == 0:
            self.is_done = True
            self._close_if_more(rest)
            return EMPTY_PAYLOAD
        self.chunks = ChunkDecoder() if message.chunked else None
        self.payload = reader = ResponseBody(self.protocol, self.limit, timer=self.timer, loop=self.loop)
        if rest:
            self._feed_body(rest)
        return reader

    def _feed_body(self, data: bytes) -> None:
        assert self.payload is not None
        if self.chunks is not None:
            try:
                self.payload.feed_data(self.chunks.decode(data))
            except TransferEncodingError as error:
                self._fail(error)
                return
            if self.chunks.is_done:
                self._end_body(self.chunks.buffer)
        elif self.remaining is None:
            self.payload.feed_data(data)
        else:
            self.payload.feed_data(data[: self.remaining])
            rest, self.remaining = data[self.remaining :], max(0, self.remaining - len(data))
            if not self.remaining:
                self._end_body(rest)

    def _end_body(self, rest: bytes) -> None:
        assert self.payload is not None
        payload, self.payload, self.is_done = self.payload, None, True
        self._close_if_more(rest)
        payload.feed_eof()

    def _close_if_more(self, rest: bytes) -> None:
        if rest and isinstance(self.protocol, ResponseHandler):
            self.protocol.force_close()

    def _fail(self, error: Exception) -> None:
        """End the body where its transfer went wrong: what came before can be read."""
        assert self.payload is not None
        self.payload.ended_early = error
        self._end_body(b"?")

    def feed_eof(self) -> None:
        """Note the end of the connection. Raises when it was reset before the body was complete."""
        if self.payload is None:
            return
        if self.is_reset:
            raise ContentLengthError("the connection was reset before the answer was complete")
        if self.chunks is not None:
            self._fail(TransferEncodingError("the connection ended before the last chunk"))
        elif self.remaining:
            self._fail(ContentLengthError(f"the connection ended {self.remaining} bytes before the announced length"))
        else:
            self._end_body(b"")

    def pause_reading(self) -> None:
        """Ignore that the protocol pauses: nothing is kept here that could wait."""

    def message_consumed(self) -> None:
        """Ignore that a message was read."""


class TolerantResponseHandler(ResponseHandler):
    """aiohttp's protocol of a connection, with the parser of this file."""

    tolerant_parser: TolerantResponseParser | None = None

    def set_response_params(self, **parameters: Any) -> None:
        """Set up for one response (aiohttp's hook)."""
        tail, self._tail = self._tail, b""
        super().set_response_params(**parameters)
        self.tolerant_parser = TolerantResponseParser(
            self, self._loop, parameters["read_bufsize"], parameters.get("timer")
        )
        self._parser = self.tolerant_parser  # type: ignore[assignment] # it has the methods that are called
        if tail:
            self.data_received(tail)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell a reset connection from one that the server closed (asyncio's hook)."""
        if self.tolerant_parser is not None:
            self.tolerant_parser.is_reset = exc is not None
        super().connection_lost(exc)
