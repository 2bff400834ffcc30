"""The store: published whole or not at all, verified, found, locked."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.garbage import OLD_DRAFT_SECONDS
from tasks.store.manifest import ArtifactRef, BuildSpec


def wanted(stage: str = "clean", *inputs: ArtifactRef, **semantic: object) -> BuildSpec:
    return BuildSpec(stage=stage, version=1, settings=semantic, semantic=semantic, inputs=inputs, fingerprint="f")


def built(store: Store, what: BuildSpec, text: str = "text") -> Artifact:
    draft = store.draft(what.stage, what.expected_key, what.inputs)
    with draft.write("part/a.txt") as path:
        path.write_text(text)
    (draft.scratch / "state").write_text("not part of the artifact")
    draft.counts["documents"] = 3
    return store.publish(what, draft, time.time())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_published_artifact_is_whole_and_described(store: Store) -> None:
    artifact = built(store, wanted(length=5))
    manifest = store.manifest("clean", artifact.key)
    assert manifest is not None
    assert [(file.path, file.bytes) for file in manifest.files] == [("part/a.txt", 4)]
    assert manifest.counts == {"documents": 3}
    assert sorted(path.name for path in artifact.folder.iterdir()) == ["manifest.json", "part"]
    assert store.get_valid("clean", artifact.key) == artifact


def test_key_depends_on_settings_version_and_content_of_inputs() -> None:
    base = wanted("clean", ArtifactRef(stage="crawl", key="k", digest="d"), length=5)
    same = base.model_copy(
        update={"inputs": (ArtifactRef(stage="crawl", key="other", digest="d"),), "settings": {"where": 1}}
    )
    assert same.expected_key == base.expected_key
    for change in (
        {"version": 2},
        {"semantic": {"length": 6}},
        {"inputs": (ArtifactRef(stage="crawl", key="k", digest="e"),)},
    ):
        assert base.model_copy(update=change).expected_key != base.expected_key


def test_digest_is_of_names_and_bytes(store: Store) -> None:
    one, two, other = (built(store, wanted(n=n), text) for n, text in ((1, "a"), (2, "a"), (3, "b")))
    assert one.digest == two.digest != other.digest


def test_what_explains_an_artifact_does_not_enter_its_digest(store: Store) -> None:
    digests = []
    for explanation in ("one", "two"):
        what = wanted()
        draft = store.draft(what.stage, what.expected_key)
        for name in ("documents/0.txt", "dropped/0.txt", "summary.md"):
            with draft.write(name) as path:
                path.write_text("the same" if name.startswith("documents") else explanation)
        artifact = store.publish(what, draft, time.time())
        digests.append(artifact.digest)
        assert (artifact.folder / "summary.md").read_text() == explanation, "the newest explanation stands"
        manifest = store.manifest("clean", artifact.key)
        assert manifest is not None
        assert store.find_problems(manifest, full=True) == []
    assert digests[0] == digests[1]


@pytest.mark.parametrize(("damage", "words"), [("unlink", "is missing"), ("truncate", "is corrupt: 2 bytes")])
def test_quick_verification_names_the_file(
    store: Store, caplog: pytest.LogCaptureFixture, damage: str, words: str
) -> None:
    artifact = built(store, wanted())
    path = artifact.folder / "part" / "a.txt"
    path.unlink() if damage == "unlink" else path.write_text("te")
    assert store.get_valid("clean", artifact.key) is None
    assert f"{path} {words}" in caplog.text


def test_full_verification_finds_flipped_bits(store: Store) -> None:
    artifact = built(store, wanted())
    (artifact.folder / "part" / "a.txt").write_text("texx")
    manifest = store.manifest("clean", artifact.key)
    assert manifest is not None
    assert store.find_problems(manifest) == []
    assert "sha256" in store.find_problems(manifest, full=True)[0]


def test_a_kill_between_manifest_and_rename_publishes_nothing(store: Store) -> None:
    what = wanted()
    draft = store.draft(what.stage, what.expected_key)
    with draft.write("a.txt") as path:
        path.write_text("whole")
    (draft.path / "manifest.json").write_text("{}")
    assert store.manifests() == []
    again = store.draft(what.stage, what.expected_key)
    assert (again.path / "a.txt").exists()
    assert store.publish(what, again, time.time()) == store.get_valid(what.stage, what.expected_key)


def test_rebuilt_with_other_bytes_replaces(store: Store) -> None:
    first = built(store, wanted(), "one")
    second = built(store, wanted(), "two")
    assert second.key == first.key
    assert second.digest != first.digest
    assert (second.folder / "part" / "a.txt").read_text() == "two"
    with pytest.raises(StageFailure, match=r"was rebuilt with other bytes. Start the same command again"):
        _ = first.folder
    assert not list(store.root.glob("clean/.*"))


def test_find_by_prefix_or_newest(store: Store) -> None:
    older, newer = built(store, wanted(n=1)), built(store, wanted(n=2))
    assert store.find("clean") == newer
    assert store.find("clean", older.key[:6]) == older
    with pytest.raises(StageFailure, match=r"no clean artifact with key zz .*newest: .*textmill ls"):
        store.find("clean", "zz")
    with pytest.raises(StageFailure, match="no dedup artifact in"):
        store.find("dedup")


def test_lineage_leads_back_to_the_sources(store: Store) -> None:
    pages = built(store, wanted("crawl"), "pages")
    documents = built(store, wanted("clean", pages.ref), "documents")
    tokens = built(store, wanted("tokenize", documents.ref), "tokens")
    assert [each.stage for each in store.lineage((documents.ref, tokens.ref))] == [
        "crawl",
        "clean",
        "tokenize",
    ]


def test_a_newer_store_is_refused(store: Store) -> None:
    built(store, wanted())
    (store.root / "store.json").write_text(json.dumps({"format": 999}))
    with pytest.raises(StageFailure, match=r"written by a newer version \(format 999.*Upgrade Textmill"):
        Store(store.root)


def test_only_folders_are_stores(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="ftp://host/x is not a folder"):
        Store("ftp://host/x")
    (tmp_path / "file").touch()
    with pytest.raises(StageFailure, match="file is not a folder"):
        Store(tmp_path / "file")
    with pytest.raises(StageFailure, match=r"file/store lies below .*file, a file"):
        Store(tmp_path / "file" / "store")


def test_clearing_up_leaves_alone_what_is_not_of_the_store_or_in_use(store: Store) -> None:
    old, new = built(store, wanted(n=1)), built(store, wanted(n=2))
    store.draft("clean", wanted(n=3).expected_key)
    (store.root / "notes" / "mine").mkdir(parents=True)
    found = list(store.find_garbage([new.ref], drafts=False))
    assert [each.address for each in found] == [old.path]
    with store.lock("clean", old.key):
        assert not store.remove(found[0])
    assert store.remove(found[0])
    assert store.manifests() == [store.manifest("clean", new.key)]
    assert [Path(each.address).name for each in store.find_garbage([new.ref], drafts=True)] == [
        f".draft-{wanted(n=3).expected_key}"
    ]


def test_a_draft_that_nobody_went_on_with_goes_at_last(store: Store) -> None:
    draft = store.draft("clean", wanted(n=1).expected_key)
    (draft.scratch / "state").write_text("half done")
    assert list(store.find_garbage([], drafts=False)) == []
    for path in (draft.path, *draft.path.rglob("*")):
        os.utime(path, (0, time.time() - OLD_DRAFT_SECONDS - 60))
    found = list(store.find_garbage([], drafts=False))
    assert [each.address for each in found] == [str(draft.path)]
    with store.lock("clean", wanted(n=1).expected_key):
        assert not store.remove(found[0]), "a run holds it"
    assert store.remove(found[0])
    assert not draft.path.exists()


@pytest.mark.slow
def test_the_lock_goes_with_its_holder(store: Store) -> None:
    holder = (
        "import sys, time; from tasks.store.store import Store\n"
        "with Store(sys.argv[1]).lock('clean', 'k'): print('held', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(store.root)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.kill()
        process.wait()
    with store.lock("clean", "k"):
        pass  # would wait for ever were the lock left behind: the test's timeout is the check


def test_runs_are_remembered(store: Store) -> None:
    assert store.runs() == []
    first, second = built(store, wanted(n=1)), built(store, wanted(n=2))
    store.record_run({}, [first])
    store.record_run({}, [first, second])
    assert [run.artifacts for run in store.runs()] == [(first.ref,), (first.ref, second.ref)]
