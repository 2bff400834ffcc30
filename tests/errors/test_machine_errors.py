"""The texts are those that the libraries really wrote, on a small file system, under `ulimit`, and without memory."""

import errno
import os
import resource
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import safetensors

from tasks.errors import StageFailure, Transient, explain_error
from tasks.errors.machine_errors import find_machine_error

FREE = r"No space left on device.*Free some disk space"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/store/a"), r"No space left on device \(/store/a\).*Free"),
        (
            pl.exceptions.ComputeError(
                "parquet: File out of specification: underlying IO error: No space left on device (os error 28)"
            ),
            FREE,
        ),
        (OSError("No space left on device (os error 28): /store/x.ipc"), r"\(/store/x.ipc\).*Free"),
        (OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"), FREE),
        (
            shutil.Error([("/a", "/store/copy/a", "[Errno 28] No space left on device: '/a' -> '/store/copy/a'")]),
            r"\(/store/copy/a\).*Free some disk space",
        ),
        (sqlite3.OperationalError("database or disk is full"), FREE),
        (sqlite3.OperationalError("attempt to write a readonly database"), "read-only: choose another folder"),
        (
            safetensors.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            FREE,
        ),
        (Exception("No space left on device (os error 28)"), FREE),  # tokenizers
        (OSError("1000000 requested and 262128 written"), "written to its end.*quota"),  # numpy
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"), "written to its end"),
        (RuntimeError("open file failed with strerror: Read-only file system"), "Read-only file system"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "Raise the disk quota"),
        (pl.exceptions.ComputeError("underlying IO error: File too large (os error 27)"), "ulimit -f"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
    ],
)
def test_what_only_the_user_can_change_is_one_sentence_and_not_tried_again(error: Exception, words: str) -> None:
    failure = explain_error("clean", error)
    assert type(failure) is StageFailure
    with pytest.raises(StageFailure, match=f"^clean: .*{words}"):
        raise failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error", "/store/a"), r"\(/store/a\).*dmesg"),
        (sqlite3.OperationalError("disk I/O error"), "dmesg"),
        (sqlite3.OperationalError("database is locked"), "Another program"),
        (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), "fs.file-max"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "out of memory.*TEXTMILL_WORKERS"),
        (pa.ArrowMemoryError("malloc of size 2147483648 failed"), "out of memory"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)"
            ),
            "out of memory",
        ),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory"),
    ],
)
def test_what_may_pass_is_tried_again(error: Exception, words: str) -> None:
    failure = explain_error("dedup", error)
    assert type(failure) is Transient
    with pytest.raises(Transient, match=f"^dedup: .*{words}"):
        raise failure


def test_the_error_behind_an_error_counts() -> None:
    wrapped = ValueError("the shard cannot be written")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert isinstance(explain_error("clean", wrapped), StageFailure)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("a page says: no space left on device"), OSError("odd")])
def test_a_bug_is_not_dressed_up(error: Exception) -> None:
    assert explain_error("clean", error) is error


def test_a_disk_without_inodes_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*state[:3], 100, 100, 5000, 0, 0, *state[8:])))
    for error in (OSError(errno.ENOSPC, "No space", str(tmp_path / "new" / "file")), OSError(errno.ENOSPC, "No space")):
        found = find_machine_error(error, tmp_path)
        assert found is not None
        assert "no inode" in found.what


def test_a_real_limit_of_the_size_of_files(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    frame, errors = pl.DataFrame({"x": np.random.default_rng(0).integers(0, 1 << 60, 100_000)}), []
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        for write in (
            lambda: frame.write_parquet(tmp_path / "x.parquet"),
            lambda: np.save(tmp_path / "x.npy", frame["x"].to_numpy()),
            lambda: (tmp_path / "x.bin").write_bytes(bytes(1 << 20)),
        ):
            with pytest.raises(Exception) as raised:  # noqa: PT011 - each library has its own
                write()
            errors.append(raised.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for error in errors:
        assert "ulimit -f" in str(explain_error("dedup", error))


def test_a_disk_that_is_really_full() -> None:
    with pytest.raises(OSError, match="No space left") as raised, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert "Free some disk space" in str(explain_error("tokenize", raised.value))
