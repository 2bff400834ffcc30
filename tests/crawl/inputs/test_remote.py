"""Sources behind URLs: ranges over HTTP from a server that misbehaves, a path list, and an S3 server."""

import gzip
import io
import itertools
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tasks.crawl import records
from tasks.crawl.inputs import remote
from tasks.crawl.inputs.path_lists import OutsidePrefix, confine_to_prefix
from tasks.crawl.page import CrawledPage
from tasks.crawl.settings import Crawl
from tasks.crawl.sources.files import Files
from tasks.crawl.sources.warc import Warc
from tasks.crawl.task import crawl
from tasks.errors import StageFailure, Transient


class ServedFiles(dict[str, bytes]):
    """The files of a server by path, how it misbehaves, and the requests that it got."""

    def __init__(self) -> None:
        self.ranges = True
        self.refusals: list[int] = []  # statuses of the next answers
        self.cuts = 0  # so many answers break off in the middle
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        self.address = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: ServedFiles

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.files.asked.append(f"{self.command} {self.path}")
        if self.path in self.files.redirects:
            self.send_response(302)
            self.send_header("Location", self.files.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.files.get(self.path)
        status = self.files.refusals.pop(0) if self.files.refusals else 404 if body is None else 200
        if status != 200 or body is None:
            self.reply(status, b"no")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and self.files.ranges:
            body, status = body[int(asked[1]) : int(asked[2]) + 1], 206
        self.reply(status, body)

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            cut = self.files.cuts > 0
            self.files.cuts -= cut
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedFiles]:
    monkeypatch.setattr(remote, "RETRY_WAITS", [0.01, 0.01])
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    files = ServedFiles()
    serving = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"files": files}))
    serving.daemon_threads = True
    files.address = f"http://127.0.0.1:{serving.server_port}"
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield files
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def collected(make_draft: Callable[..., Any]) -> Callable[..., Any]:
    numbers = itertools.count()

    def collect(kind: str, **block: Any) -> Any:
        draft = make_draft(f"{kind}-{next(numbers)}")
        crawl.build(Crawl.model_validate({"source": {"kind": kind, kind: block}}), draft)
        return draft

    return collect


def make_archive(*names: str) -> bytes:
    pages = [CrawledPage(f"http://x.org/{name}", 200, (), b"<html>" + name.encode() * 9, 1) for name in names]
    return b"".join(records.compress_record(records.build_response(page)) for page in pages)


def urls(rows: list[dict[str, Any]]) -> list[str]:
    return [row["url"].rpartition("/")[2] for row in rows]


def test_a_path_list(server: ServedFiles, collected: Any, index: Any) -> None:
    server["/cc/warc.paths.gz"] = gzip.compress(b"a/1.warc.gz\n\na/2.warc.gz\r\na/3.warc.gz\n")
    server |= {"/cc/a/1.warc.gz": make_archive("one"), "/cc/a/2.warc.gz": make_archive("two", "three")}
    settings = {"path": f"{server.address}/cc/warc.paths.gz", "prefix": f"{server.address}/cc", "max_archives": 2}
    draft = collected("warc", **settings)
    assert urls(index(draft.path)) == ["one", "two", "three"]
    assert len(list(draft.path.glob("warc/*"))) == 2
    before = Warc(**settings).semantic()
    assert Warc(**{**settings, "prefix": "s3://commoncrawl/"}).semantic() == before  # a mirror has the same archives
    assert Warc(**{**settings, "max_archives": 1}).semantic() != before
    with pytest.raises(StageFailure, match=r"a/3\.warc\.gz cannot be read .*[Nn]ot [Ff]ound"):
        collected("warc", **{**settings, "max_archives": 3})
    draft = collected("warc", **{**settings, "max_archives": 3}, on_error="skip")
    assert draft.counts["skipped"] == {"broken archive": 1}


def test_a_local_path_list_of_archives_in_a_folder(
    collected: Any, index: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.warc.gz").write_bytes(make_archive("one"))
    (tmp_path / "in" / "2.warc.gz").write_bytes(make_archive("two"))
    (tmp_path / "wet.paths").write_text(f"in/1.warc.gz\n{tmp_path}/in/2.warc.gz\n")
    draft = collected("warc", path=str(tmp_path / "wet.paths"), prefix=str(tmp_path))
    assert urls(index(draft.path)) == ["one", "two"]
    (tmp_path / "cut.paths.gz").write_bytes(gzip.compress(b"in/1.warc.gz\n" * 99)[:-9])
    with pytest.raises(StageFailure, match=r"cut\.paths\.gz cannot be read"):
        collected("warc", path=str(tmp_path / "cut.paths.gz"))


def test_no_line_of_a_path_list_leads_out_of_its_prefix(
    server: ServedFiles, collected: Any, index: Any, tmp_path: Any
) -> None:
    server |= {"/cc/1.warc.gz": make_archive("one"), "/secret.warc.gz": make_archive("secret")}
    own, other = server.address, f"{server.address}/secret.warc.gz"
    lines = ["../secret.warc.gz", other, "http://user@169.254.169.254/latest/meta-data/x.warc.gz", "/etc/../../x.warc"]
    listed = ["1.warc.gz", f"{own}/cc/1.warc.gz", *lines]
    server["/cc/warc.paths"] = "\n".join(listed).encode()
    settings = {"path": f"{own}/cc/warc.paths", "prefix": f"{own}/cc"}
    with pytest.raises(StageFailure, match=r"warc\.paths line 3 names '\.\./secret\.warc\.gz': it leads above"):
        collected("warc", **settings)
    assert "GET /secret.warc.gz" not in server.asked
    draft = collected("warc", **settings, on_error="skip")
    assert urls(index(draft.path)) == ["one"]
    assert draft.counts["skipped"] == {"outside the prefix": len(lines)}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.warc.gz").write_bytes(make_archive("one"))
    (tmp_path / "secret.warc.gz").write_bytes(make_archive("secret"))
    (tmp_path / "in" / "link.warc.gz").symlink_to(tmp_path / "secret.warc.gz")
    lines = ["1.warc.gz", "link.warc.gz", "../secret.warc.gz", f"{tmp_path}/secret.warc.gz", other]
    (tmp_path / "warc.paths").write_text("\n".join(lines))
    draft = collected("warc", path=str(tmp_path / "warc.paths"), prefix=str(tmp_path / "in"), on_error="skip")
    assert (urls(index(draft.path)), draft.counts["skipped"]) == (["one"], {"outside the prefix": 4})


URL_LINES = [
    "../x", "a/../../x", "%2e%2e/x", "a/%252e%252e/%2e%2e/x", "..%2fx", "..\\x", "%2e%2e%5cx", "file:///etc/passwd",
    "http://127.0.0.1:9103/x", "HTTP://cc.example/x", "s3://bucket/x", "x::http://127.0.0.1/",
    "https://cc.example/data/x::http://127.0.0.1/", "https:x", "a\tb",
]  # fmt: skip


@pytest.mark.parametrize("line", URL_LINES)
def test_lines_that_are_refused_behind_a_url(line: str) -> None:
    with pytest.raises(OutsidePrefix):
        confine_to_prefix(line, "https://cc.example/data/")


def test_lines_that_stay_below_their_url() -> None:
    prefix = "https://cc.example/data/"
    for line in ("a/1.warc.gz", "a..b/1.warc", f"{prefix}a/1.warc", "/a/1.warc", "//127.0.0.1/1.warc", "@127.0.0.1/x"):
        name = confine_to_prefix(line, prefix)
        assert f"{prefix}{name}".startswith(f"{prefix}{line.removeprefix(prefix).lstrip('/')}")


def test_a_redirect_does_not_lead_to_a_private_address(server: ServedFiles, collected: Any, index: Any) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), None) as inside:  # type: ignore[arg-type] - nothing is answered
        target = f"http://127.0.0.1:{inside.server_address[1]}/x.warc.gz"
        server.redirects = {"/away.warc.gz": target, "/local.warc.gz": f"{server.address}/x.warc.gz"}
        server["/x.warc.gz"] = make_archive("one")
        assert urls(index(collected("warc", path=f"{server.address}/local.warc.gz").path)) == ["one"]
        with pytest.raises(StageFailure, match=r"away\.warc\.gz cannot be read: 127\.0\.0\.1 is not a") as caught:
            collected("warc", path=f"{server.address}/away.warc.gz")
        assert type(caught.value) is StageFailure


@pytest.mark.parametrize("trouble", [{"refusals": [503, 503]}, {"cuts": 2}])
def test_what_goes_by_is_asked_again(
    server: ServedFiles, collected: Any, index: Any, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Any]
) -> None:
    monkeypatch.setattr(remote, "RANGE_BYTES", 100)
    server["/x.warc.gz"] = make_archive(*(f"page{n}" for n in range(9)))
    for name, value in trouble.items():
        setattr(server, name, value)
    draft = collected("warc", path=f"{server.address}/x.warc.gz")
    assert urls(index(draft.path)) == [f"page{n}" for n in range(9)]


@pytest.mark.parametrize("trouble", [{"refusals": [503] * 99}, {"cuts": 99}])
def test_what_does_not_go_by_is_transient(server: ServedFiles, collected: Any, trouble: dict[str, Any]) -> None:
    server["/x.warc.gz"] = make_archive("page")
    for name, value in trouble.items():
        setattr(server, name, value)
    with pytest.raises(Transient, match=r"x\.warc\.gz cannot be read"):
        collected("warc", path=f"{server.address}/x.warc.gz")


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_refused_is_not_asked_again(server: ServedFiles, collected: Any, status: int) -> None:
    server.refusals = [status] * 99
    with pytest.raises(StageFailure, match=r"x\.warc\.gz cannot be read") as caught:
        collected("warc", path=f"{server.address}/x.warc.gz")
    assert type(caught.value) is StageFailure
    assert len(server.asked) <= 3


def test_a_server_without_ranges(
    server: ServedFiles, collected: Any, index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ranges = False
    server["/x.warc.gz"] = make_archive("one")
    assert urls(index(collected("warc", path=f"{server.address}/x.warc.gz").path)) == ["one"]
    monkeypatch.setattr(remote, "RANGE_BYTES", 100)
    with pytest.raises(StageFailure, match="sends no parts of a file: download it"):
        collected("warc", path=f"{server.address}/x.warc.gz")


def test_nobody_listens(server: ServedFiles, collected: Any) -> None:
    with pytest.raises(Transient, match="cannot be read"):
        collected("warc", path="http://127.0.0.1:9/x.warc.gz")


def test_a_scheme_that_nobody_knows(collected: Any) -> None:
    with pytest.raises(StageFailure, match="nothing://x cannot be opened"):
        collected("files", path="nothing://x")


def test_ranges_are_a_file(server: ServedFiles) -> None:
    server["/x"] = content = bytes(range(256)) * 10
    file = io.BufferedReader(remote.RangeReader(f"{server.address}/x"), 300)
    assert file.read() == content
    file.seek(-6, io.SEEK_END)
    assert (file.read(3), file.tell(), file.read(), file.read()) == (b"\xfa\xfb\xfc", 2557, b"\xfd\xfe\xff", b"")
    assert (file.seek(1000), file.read(2)) == (1000, content[1000:1002])


def test_files_on_s3(collected: Any, index: Any, monkeypatch: pytest.MonkeyPatch, s3: Callable[..., None]) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    s3("docs/a.html", b"<html>a")
    s3("docs/sub/b.txt.gz", gzip.compress(b"b"))
    s3("docs/rows.jsonl", json.dumps({"text": "row"}).encode())
    s3("docs/.hidden/no.txt", b"no")
    draft = collected("files", path="s3://textmill-sources/docs", url_prefix="https://x.org/")
    assert urls(index(draft.path)) == ["a.html", "rows.jsonl#row-1", "b.txt"]
    assert urls(index(collected("files", path="s3://textmill-sources/docs/**/*.gz").path)) == ["b.txt"]
    before = Files(path="s3://textmill-sources/docs").semantic()
    assert Files(path="s3://textmill-sources/docs/").semantic() == before
    s3("docs/x::http:--127.0.0.1-secret.txt", b"chained")
    with pytest.raises(StageFailure, match="two colons"):
        Files(path="s3://textmill-sources/docs").semantic()
    assert Files(path="s3://textmill-sources/docs", on_error="skip").semantic()["path"] == before["path"]
    s3("docs/a.html", b"<html>c")
    assert Files(path="s3://textmill-sources/docs", on_error="skip").semantic()["path"] != before["path"]


def test_archives_on_s3(collected: Any, index: Any, monkeypatch: pytest.MonkeyPatch, s3: Callable[..., None]) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    monkeypatch.setattr(remote, "RANGE_BYTES", 1000)
    s3("cc/a.warc.gz", make_archive(*(f"page{n}" for n in range(99))))
    assert len(index(collected("warc", path="s3://textmill-sources/cc/*.warc.gz").path)) == 99
    with pytest.raises(StageFailure, match="cannot be read"):
        collected("warc", path="s3://textmill-sources/none.warc.gz")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, s3_server: str) -> Iterator[Callable[[str, bytes], None]]:
    """`s3("key", b"content")` puts an object into the bucket `textmill-sources`."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("textmill-sources")

    def put(key: str, content: bytes) -> None:
        files.pipe_file(f"textmill-sources/{key}", content)

    yield put
    files.rm("textmill-sources", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
