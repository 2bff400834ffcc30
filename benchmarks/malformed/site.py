"""A site that sends the bytes it is told to, over a socket of its own: no library mends its answers."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

Answers = Callable[[str], bytes]
"""path → the whole answer"""


@contextlib.contextmanager
def serve_answers(make_answers: Callable[[str], Answers]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; `make_answers` gets the site's address, which is yielded too."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 30

        def handle(self) -> None:
            with contextlib.suppress(OSError, IndexError):
                path = self.rfile.readline(100_000).split(b" ")[1].decode("latin-1")
                while self.rfile.readline(100_000).strip():
                    pass
                self.wfile.write(answers(path))
                self.request.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 256

    with Server(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        answers = make_answers(address)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield address
        finally:
            server.shutdown()


def answer_page(markup: str) -> bytes:
    """Return a well-formed answer with a page."""
    body = markup.encode("utf-8", "replace")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def answer_missing() -> bytes:
    """Return the answer for a page that is not there."""
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
