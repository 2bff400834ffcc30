"""Digests are remembered, and forgotten as soon as a file may have changed."""

import os
import time
from pathlib import Path

import pytest

from tasks.crawl.inputs import digests as module
from tasks.crawl.inputs.digests import digest, digests


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files that were read, in order."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seen: list[Path] = []
    monkeypatch.setattr(module, "digest", lambda path: (seen.append(path), digest(path))[1])
    return seen


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 60)


def test_a_file_is_read_once(read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    settle(monkeypatch)
    first = digests(paths)
    assert digests(paths) == first == [digest(path) for path in paths]
    assert read == paths


def test_a_file_that_just_changed_is_read_again(read: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    old = digests([path])
    path.write_text("new")
    assert digests([path]) != old
    assert read == [path, path]


def test_the_same_size_and_a_time_set_back_do_not_deceive(
    read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    before = path.stat()
    settle(monkeypatch)
    old = digests([path])
    time.sleep(0.02)  # the kernel's clock has ticks
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests([path]) == [digest(path)] != old


@pytest.mark.parametrize("content", [None, b"no database at all" * 100])
def test_without_a_place_to_remember_all_is_read(
    read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    settle(monkeypatch)
    memory = tmp_path / "cache" / "textmill" / "digests.sqlite"
    if content is None:
        (tmp_path / "cache").write_text("not a folder")
    else:
        memory.parent.mkdir(parents=True)
        memory.write_bytes(content)
    assert digests([path]) == digests([path]) == [digest(path)]
    assert read == [path, path]
