"""An S3 server on 127.0.0.1 for tests: moto's, which keeps conditions on writes, one request at a time.

moto looks whether an object is there and writes it then, in two steps. One request at a time makes that one step, as
S3 has it.
"""

import contextlib
import logging
import threading
import urllib.request
import uuid
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The server's address."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment(endpoint: str) -> dict[str, str]:
    """What AWS clients read."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def made_bucket(endpoint: str) -> str:
    """A new bucket's name."""
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")).close()
    return name


def visit(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Let this process use the server."""
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
