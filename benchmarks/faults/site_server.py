"""A small site over HTTP that goes away for a time: refused connections, resets, silence, or errors 503."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Outage(StrEnum):
    """How a site is away."""

    REFUSED = "refused"
    RESET = "reset"
    SILENT = "silent"
    UNAVAILABLE = "unavailable"


class SiteServer:
    """Serves a folder on a free port of 127.0.0.1; `start_outage` takes it away after some answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.num_answers = 0
        self._outage: Outage | None = None
        self._away_after = self._seconds = 0.0
        self._back_at = 0.0
        self._lock = threading.Lock()
        self._start_listening()

    @property
    def address(self) -> str:
        """The site's URL."""
        return f"http://127.0.0.1:{self.port}/"

    def start_outage(self, outage: Outage, after: int, seconds: float) -> None:
        """Be away for some seconds once so many further answers were given."""
        self._outage, self._away_after, self._seconds, self._back_at = outage, self.num_answers + after, seconds, 0.0

    def _start_listening(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if (outage := site.count_request()) is None:
                    site.answer(self)
                elif outage is Outage.UNAVAILABLE:
                    self.send_error(503)
                else:
                    if outage is Outage.SILENT:
                        time.sleep(site.remaining_seconds)
                    self.close_connection = True
                    # a reset rather than an orderly end: nothing is left to be sent
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """Stay silent: clients that are killed are expected."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def count_request(self) -> Outage | None:
        """Count a request; tell how it is refused, if the site is away."""
        with self._lock:
            if self._outage is None or self.num_answers < self._away_after:
                self.num_answers += 1
                return None
            if not self._back_at:
                self._back_at = time.monotonic() + self._seconds
                if self._outage is Outage.REFUSED:
                    threading.Thread(target=self._refuse, daemon=True).start()
            if time.monotonic() < self._back_at:
                return self._outage
            self._outage = None
            self.num_answers += 1
            return None

    @property
    def remaining_seconds(self) -> float:
        """Seconds until the site is back."""
        return max(self._back_at - time.monotonic(), 0.0)

    def _refuse(self) -> None:
        """Close the port for the time of the outage."""
        self.close()
        time.sleep(self.remaining_seconds)
        self._start_listening()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Send a page, or 404."""
        path = self.folder / (request.path.strip("/") or "index.html")
        body = path.read_bytes() if path.is_file() else b""
        request.send_response(200 if path.is_file() else 404)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(ConnectionError):
            request.wfile.write(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def serve_folder(folder: Path) -> Iterator[SiteServer]:
    """Serve a folder until the block ends."""
    server = SiteServer(folder)
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            server.close()
