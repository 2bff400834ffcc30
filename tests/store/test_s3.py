"""A store in an object store, used from two machines: two cache folders that know nothing of each other."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import CorruptInput, StageFailure, Transient
from tasks.store import Draft
from tasks.store.artifact import Artifact, local_copy
from tasks.store.garbage import GarbageCandidate
from tasks.store.manifest import BuildSpec
from tasks.store.read_check import record_reads
from tasks.store.s3 import S3Backend
from tasks.store.s3_client import S3Client
from tasks.store.store import Store

Machine = Callable[[str], Store]
SHARDS = {f"{number:05d}": (number,) for number in range(4)}


@pytest.fixture
def machine(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """`machine("a")` gives the store as machine a has it."""

    def on(name: str) -> Store:
        local_copy.cache_clear()
        monkeypatch.setenv("TEXTMILL_CACHE", str(tmp_path / name))
        return Store(s3_address)

    return on


def wanted(**settings: Any) -> BuildSpec:
    return BuildSpec(stage="clean", version=1, settings=settings, semantic=settings, inputs=(), fingerprint="f")


def filled(store: Store, what: BuildSpec, text: str = "text") -> Draft:
    draft = store.draft(what.stage, what.expected_key)
    for name in ("documents/0.txt", "documents/1.txt", "summary.md"):
        with draft.write(name) as path:
            path.write_text(text)
    return draft


def built(store: Store, what: BuildSpec, text: str = "text") -> Artifact:
    with store.lock(what.stage, what.expected_key):
        return store.publish(what, filled(store, what, text), time.time())


def place(store: Store) -> S3Backend:
    assert isinstance(store.backend, S3Backend)
    return store.backend


def objects(store: Store) -> S3Client:
    return place(store).objects


def names(store: Store) -> list[str]:
    return sorted(objects(store).list_objects("clean/"))


def test_what_one_machine_publishes_another_reads(machine: Machine, s3_address: str) -> None:
    artifact = built(machine("a"), wanted())
    assert artifact.path == f"{s3_address}/clean/{artifact.key}"
    here = artifact.folder
    there = machine("b")
    assert there.find("clean") == artifact == there.get_valid("clean", artifact.key)
    copy = artifact.folder
    assert copy != here
    assert (copy / "documents" / "1.txt").read_text() == "text"
    assert {path.name for path in copy.iterdir()} == {"documents", "manifest.json", "summary.md"}


def test_only_the_part_that_is_asked_for_is_fetched(machine: Machine) -> None:
    artifact = built(machine("a"), wanted())
    machine("b")
    copy = artifact.folder_with("summary.md", "documents/0")
    assert sorted(path.name for path in copy.rglob("*.*")) == ["0.txt", "manifest.json", "summary.md"]


def test_copies_that_were_cleared_are_fetched_again(machine: Machine) -> None:
    artifact = built(machine("a"), wanted())
    shutil.rmtree(artifact.folder)
    assert (artifact.folder / "summary.md").read_text() == "text"


def test_two_that_fetch_at_once_fetch_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = built(machine("a"), wanted())
    store = machine("b")
    fetched: list[str] = []
    download = S3Client.download
    monkeypatch.setattr(
        S3Client, "download", lambda self, name, path: fetched.append(name) or download(self, name, path)
    )
    manifest = store.manifest("clean", artifact.key)
    assert manifest is not None
    threads = [threading.Thread(target=place(store).fetch, args=(manifest,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetched) == 3
    assert place(store).cache.find_file_problems(manifest, full=True) == {}


def test_a_handle_of_bytes_that_are_gone_is_refused(machine: Machine) -> None:
    old = built(machine("a"), wanted(), "one")
    built(machine("b"), wanted(), "two")
    machine("c")
    with pytest.raises(StageFailure, match="was rebuilt with other bytes"):
        _ = old.folder


def test_copies_follow_what_was_built_again(machine: Machine) -> None:
    built(machine("a"), wanted(), "one")
    new = built(machine("b"), wanted(), "two")
    store = machine("a")
    assert store.find("clean") == new
    assert (new.folder / "summary.md").read_text() == "two"


def test_the_first_to_publish_wins_and_the_other_takes_its_result(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    what = wanted()
    slow = machine("a")
    draft = filled(slow, what, "slow")
    first = built(machine("b"), what, "fast")
    second = slow.publish(what, draft, time.time())
    assert second == first
    assert "another run published first" in caplog.text
    assert not draft.path.exists()
    assert (machine("c").find("clean").folder / "summary.md").read_text() == "fast"


def test_a_lost_answer_to_the_last_write_is_no_lost_race(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = machine("a")
    create = S3Client.create
    monkeypatch.setattr(S3Client, "create", lambda self, name, data: create(self, name, data) and None)
    artifact = built(store, wanted())
    assert store.get_valid("clean", artifact.key) == artifact


def test_a_kill_before_the_manifest_publishes_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store, what = machine("a"), wanted()
    create = S3Client.create

    def cut_off(self: S3Client, name: str, data: bytes) -> str | None:
        if name.endswith("/manifest.json"):
            raise Transient("the network is gone", "Wait")
        return create(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(S3Client, "create", cut_off)
        with pytest.raises(Transient):
            built(store, what)
    assert len([name for name in names(store) if "/." not in name]) == 3, "the files are there"
    assert machine("b").manifests() == []
    sent: list[str] = []
    upload = S3Client.upload
    monkeypatch.setattr(S3Client, "upload", lambda self, path, name: sent.append(name) or upload(self, path, name))
    built(machine("a"), what)
    assert sent == [], "what was uploaded is not sent again"


@pytest.mark.parametrize(
    ("damage", "words"),
    [("remove", "is missing"), ("cut", "is corrupt: 1 bytes where the manifest says 4")],
)
def test_damage_is_seen_at_once_and_healed_by_building_again(
    machine: Machine, caplog: pytest.LogCaptureFixture, damage: str, words: str
) -> None:
    store = machine("a")
    artifact = built(store, wanted())
    (victim,) = [name for name in names(store) if "documents/1." in name]
    objects(store).remove([victim]) if damage == "remove" else objects(store).write(victim, b"t")
    assert store.get_valid("clean", artifact.key) is None
    assert f"{store.address}/{victim} {words}" in caplog.text
    assert built(store, wanted()) == artifact
    assert store.get_valid("clean", artifact.key) == artifact


def test_flipped_bits_are_found_by_reading(machine: Machine) -> None:
    store = machine("a")
    artifact = built(store, wanted())
    manifest = store.manifest("clean", artifact.key)
    assert manifest is not None
    (victim,) = [name for name in names(store) if "documents/1." in name]
    objects(store).write(victim, b"texx")
    assert store.find_problems(manifest) == []
    assert "sha256" in store.find_problems(manifest, full=True)[0]
    machine("b")
    with pytest.raises(
        StageFailure, match=r"is corrupt: its sha256 is not the manifest's\. The artifact does not count"
    ):
        _ = artifact.folder
    assert built(machine("a"), wanted()) == artifact
    assert machine("a").find_problems(manifest, full=True) == []


def test_a_bad_copy_is_dropped_and_is_no_fault_of_the_store(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    store = machine("a")
    artifact = built(store, wanted())
    (artifact.folder / "summary.md").write_text("texx")
    manifest = store.manifest("clean", artifact.key)
    assert manifest is not None
    assert store.find_problems(manifest, full=True) == []
    assert "is a corrupt copy" in caplog.text
    assert (machine("a").find("clean").folder / "summary.md").read_text() == "text"


def square(out: Path, number: int) -> dict[str, Any]:
    (out / ".scratch").mkdir()
    (out / ".scratch" / f"{number}.arrow").write_text("of a format of its own")
    (out / f"{number}.txt").write_text(str(number**2))
    return {"square": number**2}


def refuse(out: Path, number: int) -> dict[str, Any]:
    raise ValueError(f"{number} runs again")


def test_another_machine_goes_on_from_the_shards_that_were_finished(machine: Machine) -> None:
    what = wanted()
    first = machine("a").draft("clean", what.expected_key)
    first.map(square, dict(list(SHARDS.items())[:3]))
    store = machine("b")
    draft = store.draft("clean", what.expected_key)
    assert draft.num_finished == 3
    assert (draft.path / ".scratch" / "2.arrow").read_text() == "of a format of its own"
    calls = draft.map(square, SHARDS)
    assert calls == {name: {"square": number**2} for name, (number,) in SHARDS.items()}
    artifact = store.publish(what, draft, time.time())
    assert sorted(path.name for path in artifact.folder.iterdir()) == ["0.txt", "1.txt", "2.txt", "3.txt",
                                                                      "manifest.json"]  # fmt: skip
    assert [name for name in names(store) if "/." in name] == [], "records and working files are gone"


def test_a_network_that_goes_away_costs_no_finished_shard(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store, what = machine("a"), wanted()

    def cut_off(self: S3Client, path: Path, name: str) -> None:
        raise Transient("the network is gone", "Wait")

    with monkeypatch.context() as patch:
        patch.setattr(S3Client, "upload", cut_off)
        with pytest.raises(Transient):
            store.draft("clean", what.expected_key).map(square, SHARDS)
    again = store.draft("clean", what.expected_key)
    assert again.num_finished == len(SHARDS)
    assert store.publish(what, again, time.time()) == machine("b").get_valid("clean", what.expected_key)


def test_finished_shards_whose_files_are_not_whole_run_again(machine: Machine) -> None:
    what = wanted()
    store = machine("a")
    store.draft("clean", what.expected_key).map(square, SHARDS)
    gone, torn = (next(name for name in names(store) if f"{what.expected_key}/{each}." in name) for each in (2, 3))
    objects(store).remove([gone])
    objects(store).write(torn, b"?")
    assert machine("b").draft("clean", what.expected_key).num_finished == 2


def test_a_corrupt_record_of_a_finished_shard_costs_that_shard(machine: Machine) -> None:
    what = wanted()
    store = machine("a")
    store.draft("clean", what.expected_key).map(square, SHARDS)
    first, second, *_ = [name for name in names(store) if "/.finished/" in name]
    data = objects(store).read(first) or b""
    objects(store).write(first, data.replace(b'"square": ', b'"square": 1'))
    objects(store).write(second, data[: len(data) // 2])
    draft = machine("b").draft("clean", what.expected_key)
    assert draft.num_finished == len(SHARDS) - 2
    assert draft.map(square, SHARDS) == {name: {"square": number**2} for name, (number,) in SHARDS.items()}


def test_the_lock_reaches_other_machines(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    with here.lock("clean", "k") as held:
        assert held
        with place(there).lock("clean", "k", wait=False) as also:
            assert not also
        with place(here).lock("clean", "k", wait=False) as also:
            assert not also
    with place(there).lock("clean", "k", wait=False) as held:
        assert held


def test_after_kill_9_the_same_machine_need_not_wait(machine: Machine, s3_address: str) -> None:
    store = machine("a")
    holder = (
        "import sys, time; from tasks.store.store import Store\n"
        "with Store(sys.argv[1]).lock('clean', 'k'): print('held', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", holder, s3_address], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with place(store).lock("clean", "k", wait=False) as held:
            assert not held
        process.kill()
        process.wait()
    with place(store).lock("clean", "k", wait=False) as held:
        assert held


def addresses(found: list[GarbageCandidate]) -> set[str]:
    return {each.address for each in found}


def test_clearing_up_removes_what_nobody_needs_there_and_here(machine: Machine) -> None:
    store = machine("a")
    old, new = built(store, wanted(n=1)), built(store, wanted(n=2))
    unfinished = wanted(n=3)
    with store.lock("clean", unfinished.expected_key):
        store.draft("clean", unfinished.expected_key).map(square, {"00000": (0,)})
    objects(store).write("clean/other/data.csv", b"of somebody else")
    objects(store).write("photos/0123456789abcdef/manifest.json", b"of somebody else")
    objects(store).write(f"clean/{new.key}/documents/0.0123456789abcdef.txt", b"of a run that lost")
    kept_copy = new.folder
    found = list(store.find_garbage([new.ref], drafts=False))
    assert addresses(found) == {old.path, new.path, str(old.folder)}
    with store.lock("clean", old.key):
        assert not store.remove(found[[each.address for each in found].index(old.path)]), "it is in use"
    assert all(store.remove(each) for each in found)
    assert store.manifest("clean", old.key) is None
    assert not [name for name in names(store) if old.key in name or "0123456789abcdef" in name]
    assert store.get_valid("clean", new.key) == new
    assert kept_copy.exists()
    assert list(store.find_garbage([new.ref], drafts=False)) == []
    drafts = list(store.find_garbage([new.ref], drafts=True))
    assert len(drafts) == 2, "the draft here, and its finished shard there"
    assert all(store.remove(each) for each in drafts)
    assert sorted(objects(store).list_prefixes()) == ["clean", "photos"]
    assert "clean/other/data.csv" in names(store)
    copies = list(store.find_garbage([new.ref], drafts=False, copies=True))
    assert addresses(copies) == {str(kept_copy)}
    assert all(store.remove(each) for each in copies)
    assert (new.folder / "summary.md").read_text() == "text"


def test_what_was_published_meanwhile_is_not_cleared_up(machine: Machine) -> None:
    store, what = machine("a"), wanted()
    with store.lock("clean", what.expected_key):
        draft = store.draft("clean", what.expected_key)
        draft.map(square, SHARDS)
        found = [each for each in store.find_garbage([], drafts=True) if each.names]
        artifact = store.publish(what, draft, time.time())
    assert [store.remove(each) for each in found] == [False]
    assert store.get_valid("clean", artifact.key) == artifact


def test_runs_are_remembered_oldest_first(machine: Machine) -> None:
    store = machine("a")
    first, second = built(store, wanted(n=1)), built(store, wanted(n=2))
    store.record_run({"n": 1}, [first])
    store.record_run({"n": 2}, [first, second])
    there = machine("b")
    assert [run.recipe["n"] for run in there.runs()] == [1, 2]
    assert [each.key for each in there.manifests()] == [first.key, second.key]
    assert there.newest_artifacts() == {"clean": second}


def test_a_newer_store_is_refused(machine: Machine) -> None:
    objects(machine("a")).write("store.json", b'{"format": 999}')
    with pytest.raises(StageFailure, match=r"written by a newer version \(format 999.*Upgrade Textmill"):
        machine("b")


def test_an_object_store_that_ignores_conditions_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = machine("a")
    monkeypatch.setattr(S3Client, "create", lambda self, name, data: self.write(name, data) or '"etag"')
    with pytest.raises(StageFailure, match=r"ignores conditions on writes \(If-None-Match, If-Match\)"):
        store.draft("clean", "k")


def test_a_lost_connection_may_heal(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = built(machine("a"), wanted())
    machine("b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    with pytest.raises(Transient, match="does not answer"):
        _ = artifact.folder


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def test_a_flipped_copy_is_fetched_again_before_it_is_read(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    artifact = built(machine("a"), wanted())
    store = machine("b")
    file = artifact.folder / "documents" / "0.txt"
    flip(file)
    assert (artifact.folder / "documents" / "0.txt").read_text() == "text"
    assert f"{file} is a corrupt copy; it is fetched again" in caplog.text
    flip(file)
    local_copy.cache_clear()  # as a new process
    with record_reads() as reads:
        assert (artifact.folder / "documents" / "0.txt").read_text() == "text"
    assert reads.digests == {artifact.key: artifact.digest}
    assert store.get_valid("clean", artifact.key) == artifact, "on S3 all is well"


def test_a_flipped_object_is_named_and_marked_until_it_is_built_again(machine: Machine, tmp_path: Path) -> None:
    artifact = built(machine("a"), wanted())
    store = machine("b")
    (name,) = (name for name in names(store) if "documents/0" in name)
    copy = tmp_path / "object"
    assert objects(store).download(name, copy)
    flip(copy)
    objects(store).upload(copy, name)
    assert store.get_valid("clean", artifact.key) == artifact, "the size is right"
    with pytest.raises(CorruptInput, match=rf"clean {artifact.key}: .*{name} is corrupt: its sha256"):
        _ = artifact.folder
    assert store.get_valid("clean", artifact.key) is None
    assert machine("a").get_valid("clean", artifact.key) is None, "other machines see the mark"
    assert list(store.find_garbage([artifact.ref], drafts=True)) == [], "gc leaves the mark"
    built(machine("c"), wanted())
    assert store.get_valid("clean", artifact.key) == artifact
    assert not [name for name in names(store) if name.endswith(".corrupt.json")]


def test_finished_shards_of_a_discarded_draft_run_again(machine: Machine) -> None:
    store, what = machine("a"), wanted()
    draft = store.draft(what.stage, what.expected_key)
    draft.map(square, SHARDS)
    draft.discard()
    assert not draft.path.exists()
    assert machine("b").draft(what.stage, what.expected_key).num_finished == 0


def test_half_uploads_are_found_after_a_day_and_removed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = built(machine("a"), wanted())
    store = machine("b")
    client = objects(store)
    name = f"clean/{artifact.key}/documents/9.txt"
    upload = client._call("create_multipart_upload", Key=client.prefix + name)["UploadId"]
    client._call("upload_part", Key=client.prefix + name, UploadId=upload, PartNumber=1, Body=b"half")
    # moto gives every upload the same date, in 2010
    with monkeypatch.context() as patch:
        patch.setattr("tasks.store.s3_client.OLD_UPLOAD_SECONDS", 1e9)
        assert list(store.find_garbage([artifact.ref], drafts=False)) == [], "it may be under way"
    (candidate,) = store.find_garbage([artifact.ref], drafts=False)
    assert candidate.address.startswith(f"{store.address}/{name} (an upload")
    assert candidate.bytes == 4
    assert store.remove(candidate)
    assert list(store.find_garbage([artifact.ref], drafts=False)) == []
    assert store.get_valid("clean", artifact.key) == artifact
