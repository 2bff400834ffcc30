"""Where machine code is kept."""

import os
import re
from pathlib import Path

import numba
import pytest

from tasks.runtime.jit import MAX_KEPT_STATES, TASKS, cache_for, code_state, jit, log_compilation


def double(value: int) -> int:
    return 2 * value


def states(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_states_used_last_stay_and_nothing_else_is_touched(tmp_path: Path) -> None:
    folder = tmp_path / "textmill"
    (folder / "other").mkdir(parents=True)
    every = [f"{number:016x}" for number in range(MAX_KEPT_STATES + 3)]
    for age, state in enumerate(reversed(every)):
        os.utime(cache_for(folder, state), (1e9 - age, 1e9 - age))
    assert cache_for(folder, every[0]) == folder / every[0]
    assert states(folder) == {"other", every[0], *every[-MAX_KEPT_STATES + 1 :]}


def test_compiling_is_announced_until_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    caplog.set_level("INFO", "textmill")
    kernel = jit(double)
    log_compilation("clean", kernel)
    assert caplog.messages == ["clean: compiling numba kernels (once per machine, up to a minute)"]
    assert kernel(4) == 8
    log_compilation("clean", jit(double))  # as another process would find it
    assert len(caplog.messages) == 1


def test_the_state_of_the_code_covers_every_file_with_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel whose file is left out would go on with stale machine code after an edit."""
    kernel_files = [path for path in TASKS.rglob("*.py") if re.search(r"^@jit", path.read_text(), re.MULTILINE)]
    assert len(kernel_files) > 20
    for number, path in enumerate(kernel_files):
        copy = tmp_path / str(number)
        copy.mkdir()
        (copy / path.name).write_bytes(path.read_bytes())
        monkeypatch.setattr("tasks.runtime.jit.TASKS", copy)
        before = code_state()
        with (copy / path.name).open("a") as file:
            file.write("CHANGED = 1\n")
        assert code_state() != before, path


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cache_for(tmp_path / "file", "0" * 16) == tmp_path / "file" / ("0" * 16)
