"""Folders with more in them than files: links to nothing, named pipes, sockets, folders that may not be read."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.crawl.counters import Tally
from tasks.crawl.inputs.folder import list_files
from tasks.crawl.inputs.urls import escape_url
from tasks.crawl.settings import Crawl
from tasks.crawl.sources.dataset import Dataset
from tasks.crawl.sources.files import Files
from tasks.crawl.task import crawl
from tasks.errors import BadSetting, StageFailure


@pytest.fixture
def collected(make_draft: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def collect(kind: str, path: Path | str, **block: Any) -> Any:
        draft = make_draft(f"{kind}-{block.get('on_error')}-{abs(hash(str(path)))}")
        crawl.build(Crawl.model_validate({"source": {"kind": kind, kind: {"path": str(path), **block}}}), draft)
        return draft

    return collect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    (root / "good.html").write_text("<p>good")
    return root


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket has at most 107 bytes
        listener.bind(path.name)
        os.chdir(here)


ODDITIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "link to nothing"),
    "link through a file": (lambda path: path.symlink_to("good.html/x"), "link to nothing"),
    "link to itself": (lambda path: path.symlink_to(path), "link to nothing"),
    "pipe": (os.mkfifo, "no regular file"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "socket": (make_socket, "no regular file"),
}


@pytest.mark.parametrize("kind", ODDITIES)
@pytest.mark.parametrize("pattern", ["", "/**/*.html"])
def test_what_is_no_file_is_named_or_counted(folder: Path, collected: Any, index: Any, kind: str, pattern: str) -> None:
    make, problem = ODDITIES[kind]
    make(folder / "odd.html")
    (folder / "loop").symlink_to(folder)
    with pytest.raises(StageFailure, match=rf"odd\.html cannot be read: {problem}.*on_error to skip"):
        collected("files", f"{folder}{pattern}")
    draft = collected("files", f"{folder}{pattern}", on_error="skip")
    assert [row["url"] for row in index(draft.path)] == ["file:///good.html"]
    links = {} if pattern else {"link to a folder": 1}
    assert draft.counts["skipped"] == {problem: 1, **links}


def test_what_is_no_file_and_would_not_be_read_is_no_error(folder: Path, collected: Any) -> None:
    os.mkfifo(folder / "control")
    (folder / "gone.png").symlink_to("nowhere")
    assert collected("files", folder).counts["skipped"] == {}


def test_archives_and_tables_of_data_sets_too(folder: Path, collected: Any) -> None:
    os.mkfifo(folder / "x.warc.gz")
    with pytest.raises(StageFailure, match=r"x\.warc\.gz cannot be read: no regular file"):
        collected("warc", folder)
    os.mkfifo(folder / "x.jsonl")
    with pytest.raises(StageFailure, match=r"x\.jsonl cannot be read: no regular file"):
        Dataset(name=str(folder)).semantic()
    with pytest.raises(BadSetting, match="neither a file nor a folder"):
        Files(path=str(folder / "x.jsonl")).semantic()


def test_a_file_that_goes_while_it_is_crawled(folder: Path, collected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.html").write_text("<p>soon gone")
    listing = list_files(str(folder), "x")
    (folder / "a.html").unlink()
    monkeypatch.setattr("tasks.crawl.sources.files.list_files", lambda *_: listing)
    with pytest.raises(StageFailure, match=r"a\.html cannot be read \(No such file"):
        collected("files", folder)
    assert collected("files", folder, on_error="skip").counts["skipped"] == {"unreadable file": 1}


def test_a_table_that_goes_and_a_date_that_no_calendar_has(
    folder: Path, collected: Any, index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.jsonl").write_text('{"text": "soon gone"}')
    listing = list_files(str(folder), "x")
    (folder / "a.jsonl").unlink()
    monkeypatch.setattr("tasks.crawl.sources.files.list_files", lambda *_: listing)
    os.utime(folder / "good.html", (-(10**9), -(10**9)))
    with pytest.raises(StageFailure, match=r"a\.jsonl cannot be read \(No such file"):
        collected("files", folder)
    draft = collected("files", folder, on_error="skip")
    assert draft.counts["skipped"] == {"unreadable file": 1}
    assert [row["fetched_at"].year for row in index(draft.path)] == [1970]


@pytest.mark.parametrize("pattern", ["", "/**/*.html"])
def test_a_folder_that_may_not_be_read(
    folder: Path, collected: Any, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    (folder / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StageFailure, match="closed cannot be read: unreadable folder"):
        collected("files", f"{folder}{pattern}")
    assert collected("files", f"{folder}{pattern}", on_error="skip").counts["skipped"] == {"unreadable folder": 1}


def test_names_that_look_like_patterns(tmp_path: Path) -> None:
    root = tmp_path / "x [v2]"
    (root / "a[1]").mkdir(parents=True)
    for name in ("a[1]/b.html", "a[1]/c?.html", "d*.txt"):
        (root / name).write_text("x")
    assert list_files(str(root), "x").names == ["a[1]/b.html", "a[1]/c?.html", "d*.txt"]
    assert list_files(str(root / "a[1]" / "*.html"), "x").names == ["b.html", "c?.html"]
    assert list_files(str(root / "**" / "b.html"), "x")[:2] == (str(root), ["a[1]/b.html"])
    assert list_files(str(root / "d*.txt"), "x").names == ["d*.txt"]


@pytest.mark.slow
def test_urls_order_and_key_follow_the_bytes_of_names_and_not_the_locale(folder: Path) -> None:
    for name in ("ü 1.html".encode(), b"caf\xe9.html", "中.html".encode(), b"z.html"):
        (Path(os.fsdecode(bytes(folder) + b"/" + name))).write_text("<p>x")
    program = (
        "import sys; from tasks.crawl.sources.files import Files; from tasks.crawl.inputs.documents import build_url;"
        "from tasks.crawl.inputs.folder import list_files; root, names, _ = list_files(sys.argv[1], 'x');"
        "print(*(build_url('file:///', root, name) for name in names), Files(path=sys.argv[1]).semantic()['path'])"
    )

    def run(**environment: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8"))}
        return subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            env=kept | environment | {"PYTHONCOERCECLOCALE": "0"},
            cwd=Path(__file__).parents[3],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    utf_8 = run(PYTHONUTF8="1")
    assert utf_8.split()[:5] == [
        "file:///caf%E9.html", "file:///good.html", "file:///z.html", "file:///%C3%BC%201.html", "file:///%E4%B8%AD.html",
    ]  # fmt: skip
    assert run(LC_ALL="C", PYTHONUTF8="0") == utf_8


def test_urls_that_no_record_could_hold() -> None:
    assert escape_url("http://x.org/" + "a" * 10_000) is None
    assert escape_url("http://x.org/\ud800ü") == "http://x.org/?%C3%BC"
    assert escape_url("http://ü..org/") is None
    with pytest.raises(BadSetting, match="url_prefix"):
        Files(path=__file__, url_prefix="http://[x").collect(None, None)  # type: ignore[arg-type]
    assert Tally().skipped == {}


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "files", "files": {"path": "http://bob:hunter2@docs.example.org/a.html"}},
        {"kind": "files", "files": {"path": "s3://key:hunter2@bucket/docs"}},
        {"kind": "files", "files": {"path": ".", "url_prefix": "https://bob:hunter2@docs.example.org/"}},
        {"kind": "warc", "warc": {"path": "https://bob:hunter2@docs.example.org/warc.paths.gz"}},
        {"kind": "warc", "warc": {"path": "warc.paths", "prefix": "https://bob:hunter2@docs.example.org/"}},
    ],
)
def test_a_password_is_refused_before_it_is_stored_and_not_repeated(source: dict[str, Any]) -> None:
    settings = Crawl.model_validate({"source": source})
    with pytest.raises(BadSetting, match="with a user name or a password") as raised:
        settings.semantic()
    assert "hunter2" not in str(raised.value)
