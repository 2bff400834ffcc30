"""Digests are the same wherever a file lies; they are remembered, and forgotten as soon as a file may have changed."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from tasks.runtime import content_digest
from tasks.runtime.content_digest import (
    DATABASES,
    Algorithm,
    combine_digests,
    hash_file,
    hash_files_cached,
    hash_named_file,
)


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files that were read, in order."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    paths: list[Path] = []

    def record(path: Path, algorithm: Algorithm) -> bytes:
        paths.append(path)
        return hash_file(path, algorithm)

    monkeypatch.setattr(content_digest, "hash_file", record)
    return paths


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(content_digest.time, "time", lambda: now + 60)


def test_digests_are_those_of_the_library(tmp_path: Path) -> None:
    """They are in keys: with other values every artifact would be built again."""
    path = tmp_path / "a"
    path.write_bytes(b"text")
    assert hash_file(path, "sha256") == hashlib.sha256(b"text").digest()
    assert hash_file(path, "blake2b-128") == hashlib.blake2b(b"text", digest_size=16).digest()
    assert hash_file(path, "blake2b-512") == hashlib.blake2b(b"text").digest()
    assert combine_digests([b"te", b"xt"]) == hash_file(path, "blake2b-128").hex()


def test_a_setting_without_a_file_has_no_digest(files_read: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"text")
    assert hash_named_file("file", str(path)) == {"file": hashlib.sha256(b"text").hexdigest()}
    assert hash_named_file("file", "") == hash_named_file("file", str(tmp_path)) == {}


@pytest.mark.parametrize("algorithm", DATABASES)
def test_a_file_is_read_once(
    files_read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: Algorithm
) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    settle(monkeypatch)
    first = hash_files_cached(paths, algorithm)
    assert sorted(files_read) == paths
    assert hash_files_cached(paths, algorithm) == first == [hash_file(path, algorithm) for path in paths]
    assert sorted(files_read) == paths


def test_algorithms_do_not_mix(files_read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    settle(monkeypatch)
    for algorithm in (*DATABASES, *DATABASES):
        assert hash_files_cached([path], algorithm) == [hash_file(path, algorithm)]


def test_a_file_that_just_changed_is_read_again(files_read: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    old = hash_files_cached([path], "blake2b-128")
    path.write_text("new")
    assert hash_files_cached([path], "blake2b-128") != old
    assert files_read == [path, path]


def test_the_same_size_and_a_time_set_back_do_not_deceive(
    files_read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    before = path.stat()
    settle(monkeypatch)
    old = hash_files_cached([path], "blake2b-128")
    time.sleep(0.02)  # the kernel's clock has ticks
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hash_files_cached([path], "blake2b-128") == [hash_file(path, "blake2b-128")] != old


@pytest.mark.parametrize("content", [None, b"no database at all" * 100])
def test_without_a_place_to_remember_all_is_read(
    files_read: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    settle(monkeypatch)
    database = tmp_path / "cache" / "textmill" / DATABASES["blake2b-128"]
    if content is None:
        (tmp_path / "cache").write_text("not a folder")
    else:
        database.parent.mkdir(parents=True)
        database.write_bytes(content)
    expected = [hash_file(path, "blake2b-128")]
    assert hash_files_cached([path], "blake2b-128") == hash_files_cached([path], "blake2b-128") == expected
    assert files_read == [path, path]
