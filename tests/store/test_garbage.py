"""Leftovers of kills: found and named by `verify`, removed by `gc`, never taken for an artifact or a draft."""

import os
import shutil
import time
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from tasks.store import Artifact, Draft, Store
from tasks.store import local as local_backend
from tasks.store.draft import remove_folder
from tasks.store.manifest import BuildSpec


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


SPEC = BuildSpec(stage="dedup", version=1, settings={}, semantic={}, inputs=(), fingerprint="f")
KEY = SPEC.expected_key


def fill(store: Store, text: str = "text") -> Draft:
    draft = store.draft("dedup", KEY)
    with draft.write("data.txt") as path:
        path.write_text(text)
    (draft.scratch / "buckets").write_bytes(bytes(5000))
    return draft


def publish(store: Store, text: str = "text") -> Artifact:
    return store.publish(SPEC, fill(store, text), time.time())


def publish_and_die(store: Store, monkeypatch: pytest.MonkeyPatch, name: str, text: str = "text") -> None:
    """Publish, and die when the function of this name in the local back end is called."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(local_backend, name, die) if "." not in name else patch.setattr(name, die)
        with pytest.raises(Killed):
            publish(store, text)


def test_scratch_that_a_kill_left_in_an_artifact_is_named_and_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_and_die(store, monkeypatch, "remove_folder")
    artifact = store.get_valid("dedup", KEY)
    assert artifact is not None
    scratch = artifact.folder / ".scratch"
    assert scratch.exists()
    assert run_command_line(["verify"]) == 0
    assert f"{scratch} is left over from an interrupted run (5.0 kB): textmill gc removes it" in capsys.readouterr().out
    with store.lock("dedup", KEY):
        run_command_line(["gc", "--yes"])
        assert f"{scratch} is in use and kept" in capsys.readouterr().out
    assert run_command_line(["gc", "--yes"]) == 0
    assert sorted(path.name for path in artifact.folder.iterdir()) == ["data.txt", "manifest.json"]
    assert store.get_valid("dedup", KEY) == artifact
    run_command_line(["verify"])
    assert "left over" not in capsys.readouterr().out.splitlines()[-1]


def test_a_mark_of_damage_is_no_leftover(store: Store) -> None:
    artifact = publish(store)
    (artifact.folder / ".corrupt.json").write_text("{}")
    assert list(store.find_leftovers()) == []


def test_an_artifact_that_a_kill_left_renamed_is_put_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish(store, "one")
    rename = Path.rename

    def die_at_the_second_rename(path: Path, target: Path) -> Path:
        if path.name.startswith(".draft-"):
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die_at_the_second_rename)
        with pytest.raises(Killed):
            publish(store, "two")
    assert store.get_valid("dedup", KEY) is None
    assert list(store.find_garbage([], drafts=False)) == [], "gc leaves what can be put back, and the draft"
    with store.lock("dedup", KEY):
        store.restore_replaced("dedup", KEY)
    assert store.get_valid("dedup", KEY) == first
    assert (first.folder / "data.txt").read_text() == "one"
    assert publish(store, "two").digest != first.digest
    assert sorted(path.name for path in (store.root / "dedup").iterdir()) == [KEY]


def test_what_was_replaced_is_not_put_back_in_parts(store: Store) -> None:
    artifact = publish(store)
    old = store.root / "dedup" / f".old-{KEY}-01234567"
    Path(artifact.path).rename(old)
    (old / "data.txt").unlink()
    store.restore_replaced("dedup", KEY)
    assert store.get_valid("dedup", KEY) is None
    (candidate,) = store.find_garbage([], drafts=False)
    assert store.remove(candidate)
    assert list((store.root / "dedup").iterdir()) == []


@pytest.mark.parametrize("name", [f".draft-{KEY}", KEY, f".old-{KEY}-01234567", f".removed-{KEY}-01234567"])
def test_a_kill_while_a_folder_is_removed_leaves_no_part_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "shard").touch()

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(Killed):
        remove_folder(folder)
    (rest,) = tmp_path.iterdir()
    assert rest.name.startswith(f".removed-{KEY}-")


def test_what_was_half_removed_is_removed(store: Store) -> None:
    publish(store)
    rest = store.root / "dedup" / f".removed-{KEY}-01234567"
    rest.mkdir()
    (rest / "manifest.json").touch()
    (candidate,) = store.find_leftovers()
    assert candidate.address == str(rest)
    assert store.remove(candidate)
    assert not rest.exists()


def test_a_draft_that_was_published_goes_and_one_of_a_later_build_stays(store: Store) -> None:
    draft = fill(store)
    artifact = publish(store)
    draft = fill(store)
    assert list(store.find_leftovers()) == [], "an interrupted build with --force can be continued"
    for path in draft.path.rglob("*"):
        os.utime(path, (0, 0))
    (candidate,) = store.find_leftovers()
    assert candidate.address == str(draft.path)
    assert store.remove(candidate)
    assert store.get_valid("dedup", KEY) == artifact


def test_small_files_that_a_kill_left_half_written_are_removed(store: Store) -> None:
    artifact = publish(store)
    store.record_run({}, [artifact])
    old, new = store.root / "runs" / ".a.json.01234567", store.root / "runs" / ".b.json.01234567"
    for path in (old, new):
        path.write_text("{")
    os.utime(old, (0, 0))
    (store.root / ".notes").touch()
    (candidate,) = store.find_leftovers()
    assert candidate.address == str(old)
    assert store.remove(candidate)
    assert new.exists(), "it may be being written"
