"""The demo's web site: a folder served over real HTTP on this machine, from a thread of the demo's own process."""

import errno
import hashlib
import mimetypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks.errors import StageFailure

PORT = 8420
"""Fixed: the address of the first page is part of the crawl's key, so a second demo finds everything cached."""


@contextmanager
def serve_site(folder: Path, port: int | None = None) -> Iterator[str]:
    """Serve the folder while the block runs, and give the base URL, such as `http://127.0.0.1:8420/`.

    The port is TEXTMILL_DEMO_PORT, or 8420; 0 is any free one. Raises StageFailure when the port is taken.
    """
    if port is None:
        port = int(os.environ.get("TEXTMILL_DEMO_PORT", PORT))
    try:
        server = SiteServer(folder.resolve(), port)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise StageFailure(
            f"the demo site cannot use port {port} of 127.0.0.1 ({error.strerror})",
            "End the programme that listens there, or choose another port with --port or TEXTMILL_DEMO_PORT",
        ) from error
    # 0.05: seconds between two looks at whether to end, for which shutdown() waits
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo site", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SiteServer(ThreadingHTTPServer):
    """An HTTP server of one folder, with a thread for each connection."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        super().__init__(("127.0.0.1", port), SiteRequestHandler)


class SiteRequestHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with files, and with 304 when the client has the same bytes already."""

    server: SiteServer
    protocol_version = "HTTP/1.1"  # connections are kept open between pages
    timeout = 30.0
    wbufsize = -1  # head and body leave in one packet; two would wait 40 ms for each other
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        file = _find_file(self.server.root, self.path)
        if file is None:
            missing = b"<!DOCTYPE html>\n<title>Not found</title>\n<p>There is no such page.</p>\n"
            self._send(HTTPStatus.NOT_FOUND, {"Content-Type": "text/html; charset=utf-8"}, missing)
            return
        content = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {
            "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
            "ETag": f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"',
            "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True),
        }
        if self._knows(headers):
            self._send(HTTPStatus.NOT_MODIFIED, headers, b"")
        else:
            self._send(HTTPStatus.OK, headers, content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _knows(self, headers: dict[str, str]) -> bool:
        if tags := self.headers.get("If-None-Match"):
            return headers["ETag"] in tags or tags.strip() == "*"
        return self.headers.get("If-Modified-Since") == headers["Last-Modified"]

    def _send(self, status: HTTPStatus, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's
        """Log nothing: the crawl shows the progress."""


def _find_file(root: Path, address: str) -> Path | None:
    """Find the file for a request's path; None outside the folder, for hidden names and for missing files."""
    parts = [part for part in unquote(urlsplit(address).path).split("/") if part]
    # `..` begins with a dot too, so no request leads out of the folder
    if any(part.startswith(".") or "\0" in part for part in parts):
        return None
    file = root.joinpath(*parts)
    if file.is_dir():
        file /= "index.html"
    return file if file.is_file() else None
