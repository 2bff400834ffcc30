"""Files of artifacts are hashed before they are read; what is corrupt is marked, named, and found among descendants."""

import os
import time
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from tasks.errors import ChangedInput, CorruptInput
from tasks.runtime.content_digest import forget_hashes, hash_files_once
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, BuildSpec, Manifest
from tasks.store.read_check import record_reads


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget_hashes()
    return Store.current()


def publish(store: Store, stage: str, *inputs: Artifact, is_checked: bool = True) -> Artifact:
    """Build an artifact from its inputs, as this version does or as one that did not check what it read."""
    refs = tuple(artifact.ref for artifact in inputs)
    spec = BuildSpec(stage=stage, version=1, settings={}, semantic={}, inputs=refs, fingerprint="f")
    draft = store.draft(stage, spec.expected_key, refs)
    with record_reads() as reads:
        texts = [(artifact.folder / "data.txt").read_text() for artifact in inputs]
    with draft.write("data.txt") as path:
        path.write_text(f"{stage} of {texts}")
    with draft.write("summary.md") as path:
        path.write_text("summary")
    draft.read_digests = reads.digests if is_checked else None
    return store.publish(spec, draft, time.time())


def read_manifest(store: Store, artifact: Artifact) -> Manifest:
    manifest = store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return manifest


def flip(path: Path) -> None:
    """Change one bit, and set the time of change back, as rot would."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_flipped_file_is_not_read(store: Store) -> None:
    tokens = publish(store, "tokenize")
    file = tokens.folder / "data.txt"
    flip(file)
    with record_reads(), pytest.raises(CorruptInput, match=rf"tokenize {tokens.key}: {file} is corrupt: its sha256"):
        _ = tokens.folder
    assert store.get_valid("tokenize", tokens.key) is None, "it is marked, though the sizes are right"
    assert (tokens.folder_with("summary.md") / "summary.md").read_text() == "summary", "only what is read is hashed"


def test_commands_that_show_something_read_no_flipped_file_either(store: Store) -> None:
    documents = publish(store, "clean")
    flip(documents.folder / "data.txt")
    with pytest.raises(CorruptInput):
        _ = documents.folder


def test_an_artifact_that_was_restored_counts_as_built_again(store: Store) -> None:
    tokens = publish(store, "tokenize")
    file = tokens.folder / "data.txt"
    flip(file)
    with pytest.raises(CorruptInput):
        _ = tokens.folder
    flip(file)
    assert store.get_valid("tokenize", tokens.key) == tokens
    assert tokens.folder == file.parent


def test_an_artifact_that_was_built_again_has_no_mark(store: Store) -> None:
    tokens = publish(store, "tokenize")
    flip(tokens.folder / "data.txt")
    assert len(store.find_problems(read_manifest(store, tokens), full=True)) == 1
    assert publish(store, "tokenize") == tokens
    assert store.find_problems(read_manifest(store, tokens), full=True) == []
    assert sorted(path.name for path in tokens.folder.iterdir()) == ["data.txt", "manifest.json", "summary.md"]


def test_a_build_trusts_no_memory_of_another_process(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = publish(store, "tokenize")
    file = tokens.folder / "data.txt"
    monkeypatch.setattr("tasks.runtime.content_digest.is_settled", lambda _: True)
    monkeypatch.setattr("tasks.runtime.content_digest.get_file_state", lambda path: (len(path.name), 2, 3, 4, 5))
    assert tokens.folder.exists(), "the hash is remembered now, in this process and for others"
    with record_reads():
        _ = tokens.folder
    flip(file)
    _ = tokens.folder
    with record_reads():
        _ = tokens.folder
    forget_hashes()  # as a new process
    with record_reads(), pytest.raises(CorruptInput):
        _ = tokens.folder


def test_a_file_is_hashed_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "file"
    file.write_text("text")
    os.utime(file, (0, 0))
    monkeypatch.setattr("tasks.runtime.content_digest.is_settled", lambda _: True)
    forget_hashes()
    first = hash_files_once([file], "sha256")
    monkeypatch.setattr("tasks.runtime.content_digest.hash_file", lambda *_: b"read again")
    assert hash_files_once([file], "sha256") == first
    file.write_text("text")
    assert hash_files_once([file], "sha256") == [b"read again"]


def test_a_manifest_keeps_what_was_read(store: Store) -> None:
    tokens = publish(store, "tokenize")
    model = publish(store, "pretrain", tokens)
    assert read_manifest(store, model).read_digests == {tokens.key: tokens.digest}


def test_what_read_other_bytes_than_its_manifest_says_is_built_again(store: Store) -> None:
    tokens = publish(store, "tokenize")
    model = publish(store, "pretrain", tokens)
    poisoned = read_manifest(store, model).model_copy(update={"read_digests": {tokens.key: "of other bytes"}})
    store.backend.write(f"pretrain/{model.key}/manifest.json", poisoned.as_json)
    assert store.get_valid("pretrain", model.key) is None
    sentence = f"pretrain {model.key} was built from other bytes than those of tokenize {tokens.key}"
    assert store.find_problems(poisoned) == [sentence]


def test_a_file_that_changes_while_it_is_read_is_noticed(store: Store) -> None:
    tokens = publish(store, "tokenize")
    with record_reads() as reads:
        file = tokens.folder / "data.txt"
    reads.check_unchanged()
    os.utime(file)
    reads.check_unchanged()
    flip(file)
    with pytest.raises(ChangedInput, match=rf"{file} was changed while it was read"):
        reads.check_unchanged()


def test_verify_marks_what_is_corrupt_and_names_all_that_was_built_on_it(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = publish(store, "tokenize")
    model = publish(store, "pretrain", tokens)
    evaluation = publish(store, "evaluate", model, tokens)
    flip(tokens.folder / "data.txt")
    assert run_command_line(["verify"]) == 0, "sizes are right"
    assert run_command_line(["verify", "--full"]) == 1
    printed = capsys.readouterr().out
    assert f"{tokens.path}/data.txt is corrupt: its sha256 is not the manifest's" in printed
    assert f"tokenize {tokens.key} does not count as built: textmill run with its recipe builds it again" in printed
    for descendant in (model, evaluation):
        name = f"{descendant.stage} {descendant.key}"
        assert f"built on it: {name}, stays valid, since it read the right bytes" in printed
        assert store.get_valid(descendant.stage, descendant.key) == descendant
    assert run_command_line(["verify"]) == 1, "it is marked"
    assert store.get_valid("tokenize", tokens.key) is None
    flip(tokens.folder_with("summary.md") / "data.txt")
    assert run_command_line(["verify", "--full"]) == 0
    assert run_command_line(["verify"]) == 0


def test_what_may_have_read_a_corrupt_file_stays_suspect_after_the_repair(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = publish(store, "tokenize")
    model = publish(store, "pretrain", tokens, is_checked=False)
    evaluation = publish(store, "evaluate", model)
    file = tokens.folder / "data.txt"
    flip(file)
    assert run_command_line(["verify", "--full"]) == 1
    printed = capsys.readouterr().out
    assert f"built on it: pretrain {model.key}, may have read the corrupt file, so it is built again too" in printed
    assert f"built on it: evaluate {evaluation.key}, built again if its own inputs change" in printed
    flip(file)
    assert store.get_valid("tokenize", tokens.key) == tokens
    sentence = f"pretrain {model.key} may have been built from a corrupt file of tokenize {tokens.key}"
    assert store.find_problems(read_manifest(store, model)) == [sentence]
    assert run_command_line(["verify", "--full"]) == 1
    publish(store, "pretrain", tokens)
    assert run_command_line(["verify", "--full"]) == 0


def test_a_corrupt_mark_has_every_file_hashed(store: Store) -> None:
    tokens = publish(store, "tokenize")
    mark = tokens.folder / ".corrupt.json"
    mark.write_text("{torn")
    assert store.get_valid("tokenize", tokens.key) == tokens
    flip(tokens.folder / "data.txt")
    assert store.get_valid("tokenize", tokens.key) is None


def test_what_was_built_from_other_bytes_of_a_key_is_no_descendant(store: Store) -> None:
    tokens = publish(store, "tokenize")
    ref = ArtifactRef(stage="tokenize", key=tokens.key, digest="older")
    spec = BuildSpec(stage="pretrain", version=1, settings={}, semantic={}, inputs=(ref,), fingerprint="f")
    store.publish(spec, store.draft("pretrain", spec.expected_key), time.time())
    assert store.find_descendants(read_manifest(store, tokens)) == []
