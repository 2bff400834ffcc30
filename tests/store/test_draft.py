"""Drafts: finished shards stay finished, torn ones do not count."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.errors import StageFailure
from tasks.store.draft import Draft, run_shard
from tests.waiting import wait_until

MakeDraft = Callable[..., Draft]
SHARDS = {f"{number:05d}": (number,) for number in range(6)}


def square(out: Path, number: int) -> dict[str, Any]:
    (out / "squares").mkdir()
    (out / "squares" / f"{number}.txt").write_text(str(number**2))
    with (out.parents[1] / ".calls").open("a") as calls:
        calls.write(f"{number}\n")
    return {"square": number**2}


def refuse_three(out: Path, number: int) -> dict[str, Any]:
    if number == 3:
        raise ValueError("three")
    return square(out, number)


def slow(out: Path, number: int) -> dict[str, Any]:
    time.sleep(0.3)
    return square(out, number)


@pytest.mark.slow
def test_map_gives_every_shards_counts_in_order(make_draft: MakeDraft) -> None:
    draft = make_draft()
    assert draft.map(square, SHARDS) == {name: {"square": number**2} for name, (number,) in SHARDS.items()}
    assert (draft.path / "squares" / "5.txt").read_text() == "25"


@pytest.mark.slow
def test_finished_shards_do_not_run_again(make_draft: MakeDraft) -> None:
    draft = make_draft()
    with pytest.raises(ValueError, match="three"):
        draft.map(refuse_three, dict(list(SHARDS.items())[:4]))
    done = draft.num_finished
    again = make_draft()
    assert again.num_finished == done
    again.map(refuse_three, dict(list(SHARDS.items())[:3]))
    ran = (draft.path / ".calls").read_text().split()
    assert sorted(ran) == sorted(set(ran)), "no shard ran twice"


@pytest.mark.slow
def test_a_torn_journal_line_costs_one_shard(make_draft: MakeDraft) -> None:
    draft = make_draft()
    draft.map(square, {"00000": (0,)})
    with (draft.path / ".journal.jsonl").open("a") as journal:
        journal.write('\n{"shard": "square/000')
    again = make_draft()
    again.map(square, {"00000": (0,), "00001": (1,)})
    assert make_draft().num_finished == 2


def flip_byte(path: Path, position: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "squares").iterdir())}


def make_file_corrupt(path: Path) -> None:
    flip_byte(path)


def cut_file(path: Path) -> None:
    path.write_bytes(b"")


def remove_file(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [make_file_corrupt, cut_file, remove_file])
def test_a_finished_shard_that_was_damaged_runs_again(
    damage: Callable[[Path], None],
    make_draft: MakeDraft,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    draft = make_draft()
    counts = draft.map(square, SHARDS)
    files = read_files(draft.path)
    damaged = draft.path / "squares" / "4.txt"
    damage(damaged)
    again = make_draft()
    assert again.num_finished == len(SHARDS) - 1
    assert again.map(square, SHARDS) == counts
    assert read_files(draft.path) == files
    assert (draft.path / ".calls").read_text().split() == ["0", "1", "2", "3", "4", "5", "4"]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [f"a finished shard is built again: {damaged} is corrupt or missing"]
    assert make_draft().num_finished == len(SHARDS)


def test_no_flip_in_a_journal_changes_a_result(make_draft: MakeDraft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    shards = {name: SHARDS[name] for name in ("00001", "00002")}
    draft = make_draft()
    counts = draft.map(square, shards)
    journal = draft.path / ".journal.jsonl"
    content = journal.read_bytes()
    files = read_files(draft.path)
    for position in range(0, len(content), 7):
        flip_byte(journal, position)
        assert make_draft().map(square, shards) == counts, content[: position + 1]
        assert read_files(draft.path) == files
        journal.write_bytes(content)


def test_shards_that_an_earlier_version_finished_are_used(make_draft: MakeDraft) -> None:
    draft = make_draft()
    (draft.path / ".journal.jsonl").write_text('{"shard": "square/00003", "counts": {"square": 9}}')
    assert make_draft().map(square, {"00003": (3,)}) == {"00003": {"square": 9}}


def test_write_leaves_nothing_when_the_block_fails(make_draft: MakeDraft) -> None:
    draft = make_draft()
    with pytest.raises(FileNotFoundError), draft.write("out.txt") as path:
        path.write_text((path.parent / "missing").read_text())
    assert not (draft.path / "out.txt").exists()
    with draft.write("out.txt") as path:
        path.write_text("whole")
    assert (draft.path / "out.txt").read_text() == "whole"


def sees_the_one_before(out: Path, number: int) -> dict[str, Any]:
    journal = out.parents[1] / ".journal.jsonl"
    assert number == (len(journal.read_text().splitlines()) if journal.exists() else 0)
    return {}


def test_with_one_worker_each_shard_is_recorded_before_the_next(
    make_draft: MakeDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    assert len(make_draft().map(sees_the_one_before, SHARDS)) == len(SHARDS)


def test_a_worker_that_does_not_see_the_draft_says_so(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"does not see .*elsewhere.*share the folder of --store, or of TEXTMILL_C"):
        run_shard(square, tmp_path / "elsewhere" / ".partial-1", "00000", (0,))
    assert list(tmp_path.iterdir()) == [], "nothing is written where nobody looks"


@pytest.mark.slow
def test_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tasks.store import Draft; from tests.store.test_draft import SHARDS, slow\n"
        f"if __name__ == '__main__': Draft(Path({str(tmp_path)!r})).map(slow, SHARDS)"
    )
    (tmp_path / ".run.py").write_text(program)
    root = Path(__file__).parents[2]
    run = subprocess.Popen([sys.executable, str(tmp_path / ".run.py")], env={**os.environ, "PYTHONPATH": str(root)})
    journal = tmp_path / ".journal.jsonl"

    def has_finished_two() -> bool:
        assert run.poll() is None
        return journal.exists() and len(journal.read_text().splitlines()) >= 2

    wait_until(has_finished_two)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert psutil.wait_procs(workers, timeout=90)[1] == [], "the workers notice that their parent is gone"
    before = (tmp_path / ".calls").read_text().split()
    assert len(before) < len(SHARDS)
    finished_file = json.loads(journal.read_text().splitlines()[0])["files"][0]["path"]
    flip_byte(tmp_path / finished_file)
    draft = Draft(tmp_path)
    finished = draft.num_finished
    assert finished < len(journal.read_text().splitlines()), "the damaged one runs again"
    assert draft.map(slow, SHARDS) == {name: {"square": number**2} for name, (number,) in SHARDS.items()}
    ran_again = (tmp_path / ".calls").read_text().split()[len(before) :]
    assert len(ran_again) == len(SHARDS) - finished
    assert read_files(tmp_path) == {f"{number}.txt": str(number**2).encode() for (number,) in SHARDS.values()}
