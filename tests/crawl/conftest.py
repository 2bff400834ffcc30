"""A small web server for the crawl tests: pages by path, misbehaviour on demand, and a log of the requests."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.crawl.settings import Crawl
from tasks.crawl.task import crawl
from tasks.store import Artifact, Draft


@dataclass
class Answer:
    """The answer of the server for a path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    wait: float = 0.0
    chunks: int = 0  # send the body so many times, without a length
    pause: float = 0.0  # seconds between two of them


VALIDATORS = {"ETag", "Last-Modified"}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a client that was killed is expected."""

    request_queue_size = 128


class Site:
    """Pages by path: an answer, a function of how often the path was asked before, or nothing (404)."""

    Answer = Answer

    @staticmethod
    def page(*links: str, text: str = "", head: str = "", wait: float = 0.0) -> Answer:
        anchors = "".join(f'<a href="{link}">{link}</a> ' for link in links)
        return Answer(f"<html><head>{head}</head><body><p>{text}</p>{anchors}</body></html>".encode(), wait=wait)

    @staticmethod
    def moved(to: str, status: int = 301) -> Answer:
        return Answer(status=status, headers={"Location": to})

    @staticmethod
    def hang_up(_before: int = 0) -> Answer:
        """Stand for a page whose connection ends without an answer; the server goes on."""
        raise ConnectionAbortedError

    def __init__(self) -> None:
        self.pages: dict[str, Answer | Callable[[int], Answer]] = {}
        self.log: list[tuple[float, str]] = []
        self.agents: set[str] = set()
        self.max_at_once = 0
        self._busy = 0
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def url(self, path: str = "/") -> str:
        return self.address + path

    def asked(self) -> Counter[str]:
        """Return the number of requests for each path, without robots.txt."""
        with self._lock:
            return Counter(path for _, path in self.log if path != "/robots.txt")

    def answer(self, path: str, agent: str) -> Answer:
        with self._lock:
            before = sum(1 for _, asked_path in self.log if asked_path == path) if callable(self.pages.get(path)) else 0
            self.log.append((time.monotonic(), path))
            self.agents.add(agent)
            answer = self.pages.get(path, Answer(b"<html>not here</html>", 404))
        return answer if isinstance(answer, Answer) else answer(before)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with site._lock:
                    site._busy += 1
                    site.max_at_once = max(site.max_at_once, site._busy)
                try:
                    self.reply(site.answer(self.path, self.headers.get("User-Agent", "")))
                finally:
                    with site._lock:
                        site._busy -= 1

            def reply(self, answer: Answer) -> None:
                time.sleep(answer.wait)
                if self.unmodified(answer):
                    answer = Answer(
                        status=304, headers={name: answer.headers[name] for name in VALIDATORS & answer.headers.keys()}
                    )
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.chunks:
                    self.close_connection = True
                    self.end_headers()
                else:
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                try:
                    for _ in range(answer.chunks or 1):
                        self.wfile.write(answer.body)
                        time.sleep(answer.pause)
                except OSError:
                    self.close_connection = True  # the crawler hung up, as it should

            def unmodified(self, answer: Answer) -> bool:
                asked = {
                    "ETag": self.headers.get("If-None-Match"),
                    "Last-Modified": self.headers.get("If-Modified-Since"),
                }
                return any(value and answer.headers.get(name) == value for name, value in asked.items())

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    @contextmanager
    def serving(self) -> Iterator["Site"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().serving() as serving:
        yield serving


@pytest.fixture
def settings(site: Site) -> Callable[..., Crawl]:
    """Make settings for a crawl of the site from its front page, without delays; keywords override them."""

    def make(**web: Any) -> Crawl:
        fast = {
            "seeds": [site.url("/")], "delay": 0, "autothrottle_target": 0, "retry_wait": 0.01, "timeout": 60,
            "max_outage": 0,
        }  # fmt: skip
        return Crawl.model_validate({"source": {"kind": "web", "web": {**fast, **web}}})

    return make


@pytest.fixture
def crawled(settings: Callable[..., Crawl], make_draft: Callable[..., Draft]) -> Callable[..., Draft]:
    """Crawl the site and return the draft."""

    def run(**web: Any) -> Draft:
        draft = make_draft(f"crawl-{time.monotonic_ns()}")
        crawl.build(settings(**web), draft)
        return draft

    return run


@pytest.fixture
def snapshot(
    settings: Callable[..., Crawl], make_draft: Callable[..., Draft], as_artifact: Callable[[Path, str], Artifact]
) -> Callable[..., tuple[Draft, Artifact]]:
    """Crawl the site as a snapshot of that name, after the previous one."""

    def run(name: str, *previous: Artifact, **web: Any) -> tuple[Draft, Artifact]:
        draft = make_draft(name)
        crawl.build(settings(**web), draft, *previous)
        shutil.rmtree(draft.scratch)
        return draft, as_artifact(draft.path, "crawl")

    return run


@pytest.fixture
def index() -> Callable[[Path], list[dict[str, Any]]]:
    """Read all rows of the index under a folder."""

    def read(folder: Path) -> list[dict[str, Any]]:
        return [row for path in sorted(folder.glob("index/*.parquet")) for row in pq.read_table(path).to_pylist()]

    return read


@pytest.fixture
def killed_after() -> Callable[..., None]:
    """Crawl in a process of its own, and kill -9 it after `asked` more requests for pages.

    Only paths that begin with `below` count.
    """
    program = (
        "import sys; from pathlib import Path; from tasks.crawl.task import Crawl, crawl;"
        "from tasks.store.draft import Draft; from tasks.store.store import Artifact;"
        "previous = [Artifact.model_validate_json(text) for text in sys.argv[3:]];"
        "crawl.build(Crawl.model_validate_json(sys.argv[1]), Draft(Path(sys.argv[2])), *previous)"
    )

    def run(
        settings: Crawl, folder: Path, asked: int, *sites: Site, previous: tuple[Artifact, ...] = (), below: str = "/"
    ) -> None:
        def num_asked() -> int:
            return sum(n for site in sites for path, n in site.asked().items() if path.startswith(below))

        enough = num_asked() + asked
        arguments = [settings.model_dump_json(), str(folder), *(artifact.model_dump_json() for artifact in previous)]
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 120
        while num_asked() < enough:  # looked at more often than wait_until does: a crawl is quick
            assert process.poll() is None, "the crawl ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)  # the server logs what was on the way

    return run


@pytest.fixture
def committed() -> Callable[[Draft], list[dict[str, Any]]]:
    """Read the complete journal lines that a killed crawl left."""

    def read(draft: Draft) -> list[dict[str, Any]]:
        journal = (draft.scratch / "frontier.jsonl").read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in journal if line.endswith(b"\n")]

    return read
