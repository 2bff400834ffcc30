"""The parser of HTTP responses, by itself: each odd thing that servers send, cut at every byte."""

import asyncio

import pytest
from aiohttp.http_exceptions import HttpProcessingError

from tasks.crawl.web.http_parser import MAX_HEAD_BYTES, TolerantResponseHandler, TolerantResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
PAGE = b"Content-Length: 3\r\n\r\n<p>"


def parse(data, step=0, *, is_reset=False):
    """Return (status, headers, body, whether it ended early) of the answer in some bytes, fed `step` at a time."""

    async def run():
        loop = asyncio.get_running_loop()
        parser = TolerantResponseParser(TolerantResponseHandler(loop), loop, 1 << 16, None)
        parser.is_reset = is_reset
        messages = []
        for start in range(0, len(data), step or len(data)):
            messages += parser.feed_data(data[start : start + (step or len(data))])[0]
        parser.feed_eof()
        if not messages:
            return None
        message, body = messages[-1]
        return message.code, list(message.raw_headers), await body.read(), bool(getattr(body, "ended_early", None))

    return asyncio.run(run())


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    ("answer", "status", "headers", "body"),
    [
        (OK + PAGE, 200, {}, b"<p>"),
        (OK + b"X-Name: caf\xe9\r\n" + PAGE, 200, {b"X-Name": b"caf\xe9"}, b"<p>"),
        (OK + b"X: " + b"y" * 100_000 + b"\r\n" + PAGE, 200, {b"X": b"y" * 100_000}, b"<p>"),
        (OK + b"no colon\r\nX Powered By: x\r\n: x\r\nA: b\r\n" + PAGE, 200, {b"A": b"b"}, b"<p>"),
        (OK + b"A : b\r\n" + PAGE, 200, {b"A": b"b"}, b"<p>"),
        (OK + b"A: b\r\n  c\r\n\td\r\n" + PAGE, 200, {b"A": b"b c d"}, b"<p>"),
        (OK + b"A: b\x00c\r\n" + PAGE, 200, {b"A": b"bc"}, b"<p>"),
        (b"HTTP/1.1 200 OK\nA: b\nContent-Length: 3\n\n<p>", 200, {b"A": b"b"}, b"<p>"),
        (b"\r\n\r\n" + OK + PAGE, 200, {}, b"<p>"),
        (b"HTTP/1.1 200\r\n" + PAGE, 200, {}, b"<p>"),
        (b"HTTP/1.1 OK\r\n" + PAGE, 200, {}, b"<p>"),
        (b"HTTP 404 Not found\r\n" + PAGE, 404, {}, b"<p>"),
        (b"HTTP/1.1 200 Tr\xe8s bien\r\n" + PAGE, 200, {}, b"<p>"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + PAGE, 200, {}, b"<p>"),
        (OK + b"\r\n<p>to the end", 200, {}, b"<p>to the end"),
        (OK + b"Content-Length: abc\r\n\r\n<p>all", 200, {}, b"<p>all"),
        (OK + b"Content-Length: -1\r\n\r\n<p>all", 200, {}, b"<p>all"),
        (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n<p>", 200, {}, b"<p>"),
        (OK + b"Content-Length: 3, 3\r\n\r\n<p>", 200, {}, b"<p>"),
        (OK + b"Connection: close\r\n" + PAGE + b"and more", 200, {}, b"<p>"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\n<p\r\n1;x=y\r\n>\r\n0\r\nT: t\r\n\r\n", 200, {}, b"<p>"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 9\r\n\r\n 3 \n<p>\n0\n\n", 200, {}, b"<p>"),
        (OK + b"Transfer-Encoding: identity\r\n\r\n<p>", 200, {}, b"<p>"),
        (b"HTTP/1.1 204 No\r\n\r\n", 204, {}, b""),
    ],
)  # fmt: skip
def test_repaired(answer, status, headers, body, step):
    if step and len(answer) > 1000:
        step = 4099
    found = parse(answer, step)
    assert (found[0], found[2], found[3]) == (status, body, False)
    assert headers.items() <= dict(found[1]).items()
    assert {name.lower() for name, _ in found[1]} <= {
        *(name.lower() for name in headers), b"content-length", b"connection", b"transfer-encoding",
    }  # fmt: skip


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 1000\r\n\r\n<p>",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n<p>\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\n<p>",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n<p>\r\nzz\r\nnoise",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n<p>noise\r\n",
    ],
)
def test_ends_early(answer, step):
    assert parse(answer, step)[2:] == (b"<p>", True)
    if b"z" not in answer and b"noise" not in answer:
        with pytest.raises(HttpProcessingError):
            parse(answer, step, is_reset=True)


@pytest.mark.parametrize(
    "answer",
    [
        bytes(range(256)) * 9,
        b"<html>no head</html>",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 20 Odd\r\n\r\n",
        OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n<p>",
        OK + b"A: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
)
def test_no_answer(answer):
    with pytest.raises(HttpProcessingError):
        parse(answer)
