"""Where machine code is kept."""

import os
from pathlib import Path

import numba
import pytest

from tasks.compiled import KEPT, announce, kept_in


def states(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_states_used_last_stay_and_nothing_else_is_touched(tmp_path: Path) -> None:
    folder = tmp_path / "textmill"
    (folder / "other").mkdir(parents=True)
    every = [f"{number:016x}" for number in range(KEPT + 3)]
    for age, state in enumerate(reversed(every)):
        os.utime(kept_in(folder, state), (1e9 - age, 1e9 - age))
    assert kept_in(folder, every[0]) == folder / every[0]
    assert states(folder) == {"other", every[0], *every[-KEPT + 1 :]}


def test_compiling_is_announced_until_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    caplog.set_level("INFO", "textmill")
    announce("clean")
    assert caplog.messages == ["clean: its loops are compiled for this machine first, which takes up to a minute, once"]
    (tmp_path / "clean_0a1b").mkdir()
    (tmp_path / "clean_0a1b" / "lines.count-7.py311.nbi").touch()
    announce("clean")
    announce("dedup")
    assert [message.partition(":")[0] for message in caplog.messages] == ["clean", "dedup"]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert kept_in(tmp_path / "file", "0" * 16) == tmp_path / "file" / ("0" * 16)
