"""Servers that speak no proper HTTP, and links that are no proper URLs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
ANSWERS = {
    "/nothing": b"",
    "/noise": bytes(range(256)) * 9,
    "/half-a-head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "/no-status": b"HTTP/1.1 OK\r\n\r\n",
    "/odd-status": b"HTTP/1.1 999999 Odd\r\nContent-Length: 0\r\n\r\n",
    "/cut-off": HEAD + b"Content-Length: 1000\r\n\r\n<p>",
    "/negative": HEAD + b"Content-Length: -1\r\n\r\n<p>",
    "/two-lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n<p>",
    "/bad-chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n<p>\r\n",
    "/cut-off-chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n<p>",
    "/long-header": HEAD + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
    "/many-headers": HEAD + b"".join(b"X%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
    "/bad-header": HEAD + b"no colon here\r\n\r\n<p>",
    "/bad-location": b"HTTP/1.1 302 Found\r\nLocation: http://[\xff\r\nContent-Length: 0\r\n\r\n",
    "/endless-continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
}


@contextmanager
def speaking(answers: dict[str, bytes]) -> Iterator[str]:
    """A server that answers each path with these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(65536).split(b" ")
                    path = asked[1].decode() if len(asked) > 1 else ""
                    with suppress(OSError):
                        connection.sendall(answers.get(path, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def page(*links: str) -> bytes:
    body = "".join(f"<a href='{link}'>{link}</a>" for link in links).encode()
    return HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("path", ANSWERS)
def test_each_answer_is_counted(crawled, index, path):
    with speaking({**ANSWERS, "/": page(path, "/fine"), "/fine": page()}) as address:
        draft = crawled(seeds=[f"{address}/"], max_retries=1, timeout=2)
    rows = [row["url"].removeprefix(address) for row in index(draft.path)]
    assert {"/", "/fine"} <= set(rows)
    assert len(rows) - 2 + sum(draft.counts["skipped"].values()) == 1


LINKS = [
    "http://127.0.0.1:0/", "http://a..b/", "http://-/", "http://x_y/", "http://2130706433/", "http://0x7f.1/",
    "http://127.1/", "http://%31%32%37.0.0.1/", "http://[::ffff:7f00:1]:1/", "http://\u2460\u2461/", "http://x.org:65536/",
    "http:x", "///x", "\\\\x\\y", "http://" + "a" * 300 + "/", "%", "?", "#", "/%zz", "/\x01", "/\ud800",
]  # fmt: skip


def test_links_of_all_kinds(site, crawled):
    body = "".join(f"<a href='{link}'>x</a>" for link in LINKS).encode("utf-8", "surrogatepass")
    fine = [f"/{n}" for n in range(len(LINKS))]
    site.pages["/"] = site.Answer(b"<html>" + body + site.page(*fine).body)
    site.pages |= {path: site.page(text=path) for path in ("/x", "/%", "/%zz", *fine)}
    hosts = ["127.0.0.1", "a..b", "-", "x_y", "2130706433", "0x7f.1", "127.1", "::ffff:7f00:1", "12", "a" * 300]
    draft = crawled(hosts=hosts, user_agent="Textmill-test/1 (us@textmill.dev)", max_retries=0, timeout=2)
    assert draft.counts["pages"] > len(LINKS)
    assert set(draft.counts["skipped"]) == {"private address", "no such host", "other host"}
    assert not [reason for reason in draft.counts["skipped"] if reason.startswith("error")]


ODD_HEADS = {
    "/latin": b"X-Name: caf\xe9\r\n", "/cookie": b"Set-Cookie: \xd6\xd0\r\n",
    "/long": b"X: " + b"y" * 30_000 + b"\r\n",
    "/many": b"".join(b"X%d: y\r\n" % n for n in range(500)), "/no-colon": b"PHP Warning\r\n",
    "/folded": b"X: a\r\n b\r\n",
    "/blank": b"X Y: z\r\n", "/etag": b'ETag: "\xe9"\r\n', "/twice": b"Content-Type: text/html; charset=utf-8\r\n",
}  # fmt: skip


def test_odd_heads_lose_no_page(crawled, index):
    end = b"\r\n\r\n"
    answers = {path: page().replace(end, b"\r\n" + head + b"\r\n", 1) for path, head in ODD_HEADS.items()}
    answers["/type"] = b"HTTP/1.1 200 OK\r\nContent-Type: html\r\n\r\n<html><a href='/behind'>x</a></html>"
    with speaking({**answers, "/": page(*answers), "/behind": page()}) as address:
        draft = crawled(seeds=[f"{address}/"], max_retries=0, timeout=5)
    rows = [row["url"].removeprefix(address) for row in index(draft.path) if row["status"] in (200, 304)]
    assert sorted(rows) == sorted(["/", "/behind", *answers])
    assert draft.counts["skipped"] == {}


@pytest.mark.parametrize("path", ["/cut-off", "/cut-off-chunks", "/bad-chunks-later"])
def test_an_answer_that_always_ends_early_is_kept(crawled, index, path):
    answers = {
        "/cut-off": HEAD + b"Content-Length: 1000\r\n\r\n<p>cut",
        "/cut-off-chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n6\r\n<p>cut\r\n",
        "/bad-chunks-later": HEAD + b"Transfer-Encoding: chunked\r\n\r\n6\r\n<p>cut\r\nzz\r\n",
    }
    with speaking({**answers, "/": page(path)}) as address:
        draft = crawled(seeds=[f"{address}/"], max_retries=1, timeout=5)
    assert {row["url"].removeprefix(address) for row in index(draft.path)} == {"/", path}
    assert draft.counts["skipped"] == {}
