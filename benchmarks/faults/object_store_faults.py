"""A store on S3 whose server answers 500 after it has written, resets connections, and cuts answers."""

import contextlib
import functools
import http.client
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.faults.chain import build_digests, find_faults, make_recipe, run_child
from tasks.store import Store
from tests import object_store

KEPT_HEADERS = ("content-length", "transfer-encoding", "connection")  # the proxy sets these itself


class Fault(StrEnum):
    """What the proxy does to an answer."""

    ERROR_AFTER_WRITE = "error 500 after the write"
    ERROR_BEFORE = "error 503 instead of an answer"
    RESET_AFTER_WRITE = "reset after the write"
    RESET_BEFORE = "reset instead of an answer"
    CUT = "answer cut in the middle"


class ObjectStoreRun(NamedTuple):
    """A chain of stages on a server with faults, and what went wrong."""

    num_faults: int
    kinds: Counter[str]
    faults: tuple[str, ...]


class FaultyProxy:
    """Forwards requests to an S3 server, and spoils some of the answers, drawn by a seed."""

    def __init__(self, endpoint: str, fraction: float, seed: int) -> None:
        self.upstream = urlsplit(endpoint).netloc
        self.fraction = fraction
        self.random = random.Random(seed)
        self.kinds: Counter[str] = Counter()
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815 - so called by http.server

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Stay silent: connections are reset on purpose."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def draw_fault(self) -> Fault | None:
        """Draw what becomes of the next answer."""
        with self._lock:
            if self.random.random() >= self.fraction:
                return None
            fault = self.random.choice(list(Fault))
            self.kinds[fault] += 1
            return fault

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Forward one request, or spoil it."""
        body = read_body(request)
        fault = self.draw_fault()
        if fault is Fault.ERROR_BEFORE:
            return self.send_error(request, 503)
        if fault is Fault.RESET_BEFORE:
            return reset(request)
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in KEPT_HEADERS}
        connection.request(request.command, request.path, body, headers | {"Content-Length": str(len(body))})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if fault is Fault.ERROR_AFTER_WRITE:
            return self.send_error(request, 500)
        if fault is Fault.RESET_AFTER_WRITE:
            return reset(request)
        request.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in KEPT_HEADERS:
                request.send_header(name, value)
        length = response.getheader("Content-Length") if request.command == "HEAD" else str(len(content))
        request.send_header("Content-Length", length or "0")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content[: len(content) // 2] if fault is Fault.CUT else content)
        if fault is Fault.CUT:
            reset(request)
        return None

    def send_error(self, request: BaseHTTPRequestHandler, status: int) -> None:
        """Answer with an error of the server."""
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()


def read_body(request: BaseHTTPRequestHandler) -> bytes:
    """Read a request's body, which may come in chunks."""
    if "chunked" not in request.headers.get("Transfer-Encoding", ""):
        return request.rfile.read(int(request.headers.get("Content-Length", "0")))
    chunks = []
    while size := int(request.rfile.readline().split(b";")[0], 16):
        chunks.append(request.rfile.read(size))
        request.rfile.readline()
    while request.rfile.readline().strip():
        pass
    return b"".join(chunks)


def reset(request: BaseHTTPRequestHandler) -> None:
    """End the connection at once."""
    request.close_connection = True
    with contextlib.suppress(OSError):
        request.connection.shutdown(2)


def use_endpoint(endpoint: str, cache: Path) -> None:
    """Prepare a child for a store on this server."""
    os.environ |= object_store.environment(endpoint) | {"TEXTMILL_CACHE": str(cache)}


def spoil_answers(
    site: Path, work: Path, last: str, fraction: float, seeds: range, expected: dict[str, str]
) -> Iterator[ObjectStoreRun]:
    """Run the chain up to `last` on an S3 store of its own for each seed."""
    with object_store.serving() as endpoint:
        for seed in seeds:
            proxy = FaultyProxy(endpoint, fraction, seed)
            address = f"s3://{object_store.made_bucket(endpoint)}/store"
            prepare = functools.partial(use_endpoint, proxy.endpoint, work / f"cache-{seed}")
            build = functools.partial(build_digests, make_recipe(site), address, last)
            result = run_child(build, prepare)
            attempts = 0
            while result.failure and attempts < 3:  # what Prefect's retries do in a pipeline
                result, attempts = run_child(build, prepare), attempts + 1
            faults = find_faults(result, expected)
            check = run_child(
                functools.partial(list_problems, address),
                functools.partial(use_endpoint, endpoint, work / f"cache-{seed}"),
            )
            faults += [check.traceback or check.failure] if not check.ended_well else list(check.digests.values())[1:]
            yield ObjectStoreRun(proxy.kinds.total(), proxy.kinds, tuple(faults))
            proxy.server.shutdown()
            proxy.server.server_close()


def list_problems(address: str) -> dict[str, str]:
    """List what is wrong with a store, each file read whole."""
    store = Store(address)
    problems = [problem for manifest in store.manifests() for problem in store.find_problems(manifest, full=True)]
    return {"checked": "yes"} | {str(number): problem for number, problem in enumerate(problems)}
