"""Objects: conditional writes that let one writer win, and errors that say what to do."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tasks.errors import StageFailure, Transient
from tasks.store.s3_client import S3Client
from tests import object_store
from tests.flows.server import free_port


@pytest.fixture
def objects(s3_address: str) -> S3Client:
    return S3Client(s3_address)


def test_what_was_written_is_read_and_listed(objects: S3Client) -> None:
    objects.write("clean/k/manifest.json", b"{}")
    objects.write("clean/k/documents/0.parquet", b"rows")
    objects.write("crawl/k/manifest.json", b"{}")
    assert objects.read("clean/k/documents/0.parquet") == b"rows"
    assert objects.read("clean/k/nothing") is None
    assert objects.head("clean/k/nothing") is None
    assert {name: each.size for name, each in objects.list_objects("clean/").items()} == {
        "clean/k/manifest.json": 2,
        "clean/k/documents/0.parquet": 4,
    }
    assert objects.list_prefixes() == ["clean", "crawl"]
    assert objects.list_prefixes("clean/") == ["k"]
    objects.remove(["clean/k/documents/0.parquet", "clean/k/nothing"])
    assert list(objects.list_objects("clean/")) == ["clean/k/manifest.json"]


def test_a_listing_goes_on_after_a_thousand(objects: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    call = objects._call
    monkeypatch.setattr(objects, "_call", lambda method, **named: call(method, **named, MaxKeys=2))
    for number in range(5):
        objects._s3.pipe_file(objects._path(f"crawl/{number}/x"), b"")
    assert len(objects.list_objects("crawl/")) == 5
    assert objects.list_prefixes("crawl/") == ["0", "1", "2", "3", "4"]


def test_of_many_writers_one_creates_and_one_replaces(objects: S3Client) -> None:
    answers: list[str | None] = []

    def together(write: object) -> list[str]:
        answers.clear()
        threads = [threading.Thread(target=lambda n=n: answers.append(write(n))) for n in range(6)]  # type: ignore[operator]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6
        return [answer for answer in answers if answer]

    (first,) = together(lambda n: objects.create("lease", str(n).encode()))
    (second,) = together(lambda n: objects.replace("lease", f"again {n}".encode(), first))
    found = objects.head("lease")
    assert found is not None
    assert found.etag == second != first
    assert objects.replace("nothing", b"", first) is None


def test_files_go_there_and_come_back(objects: S3Client, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x" * 100_000)
    objects.upload(tmp_path / "in", "clean/k/a.bin")
    assert objects.download("clean/k/a.bin", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert not objects.download("clean/k/nothing", tmp_path / "other")


def test_a_missing_bucket_is_named(s3_address: str) -> None:
    objects = S3Client("s3://nowhere/corpus")
    for attempt in (objects.read, objects.list_objects, lambda name: objects.create(name, b"")):
        with pytest.raises(StageFailure, match=r"there is no bucket nowhere\. Make it, or correct --store") as raised:
            attempt("store.json")
        assert not isinstance(raised.value, Transient)


def test_an_address_without_a_bucket_is_refused() -> None:
    with pytest.raises(StageFailure, match="names no bucket"):
        S3Client("s3://")


def test_no_credentials_are_named(s3_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # another endpoint, so another client
    with pytest.raises(StageFailure, match=r"refuses access.*Check AWS_ACCESS_KEY_ID"):
        S3Client(s3_address).read("store.json")


@pytest.mark.parametrize(("endpoint", "bucket"), [("nowhere", "bucket"), ("http://127.0.0.1:3", "No Bucket!")])
def test_settings_that_cannot_be_are_no_matter_of_the_network(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, bucket: str
) -> None:
    object_store.visit(monkeypatch, endpoint)
    with pytest.raises(StageFailure, match="Correct --store, AWS_ENDPOINT_URL") as raised:
        S3Client(f"s3://{bucket}/x").read("store.json")
    assert not isinstance(raised.value, Transient)


def test_errors_of_this_machines_disk_stay_what_they_are(objects: S3Client, tmp_path: Path) -> None:
    objects.write("a", b"text")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        objects.download("a", tmp_path / "file" / "a")
    with pytest.raises(FileNotFoundError):
        objects.upload(tmp_path / "nothing", "b")


def test_a_missing_s3fs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StageFailure, match=r"needs s3fs\. Install it with: pip install 'textmill\[s3\]'"):
        S3Client("s3://bucket/x").read("store.json")


def answering(status: int, code: str) -> HTTPServer:
    """A server that says the same to every request."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    return HTTPServer(("127.0.0.1", 0), Answer)


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "InvalidAccessKeyId", StageFailure, "refuses access"),
        (403, "SignatureDoesNotMatch", StageFailure, "Check AWS_ACCESS_KEY_ID"),
        (503, "ServiceUnavailable", Transient, "does not answer"),
        (500, "InternalError", Transient, "start the same command again"),
        (301, "PermanentRedirect", StageFailure, "AWS_DEFAULT_REGION"),
    ],
)
def test_answers_of_the_server_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[StageFailure], words: str
) -> None:
    server = answering(status, code)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        object_store.visit(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(StageFailure, match=words) as raised:
            S3Client("s3://bucket/x").read("store.json")
        assert type(raised.value) is kind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_that_is_not_there_may_heal(monkeypatch: pytest.MonkeyPatch) -> None:
    object_store.visit(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Transient, match="the store s3://bucket/x does not answer"):
        S3Client("s3://bucket/x").read("store.json")
