"""Small files of a store: any change of a byte is noticed, and ends no command in a traceback."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from flows.promotion import apply_gate
from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.checksum import format_record, parse_record
from tasks.store.manifest import ArtifactRef, BestModel, BuildSpec, Manifest, RunRecord
from tasks.store.store_format import make_format_marker, parse_format

REF = ArtifactRef(stage="pretrain", key="0123456789abcdef", digest="d")
RUN = RunRecord(finished="2026-01-01", recipe={"corpus": "näht", "crawl": {"snapshot": "1"}}, artifacts=(REF,))
BEST = BestModel(corpus="news", model=REF, evaluation=REF, worse={"aa": "-4.1 points"})


def change_bytes(data: bytes) -> list[bytes]:
    """Return the data with each bit flipped, and with each byte replaced by a space, a line end and a letter."""
    changed = []
    for index, byte in enumerate(data):
        others = {byte ^ 1 << bit for bit in range(8)} | {0x20, 0x0A, 0x61, 0x41}
        changed += [data[:index] + bytes([other]) + data[index + 1 :] for other in others - {byte}]
    return changed


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


def publish(store: Store, stage: str, *inputs: ArtifactRef, number: int = 0) -> Artifact:
    spec = BuildSpec(
        stage=stage, version=9, settings={}, semantic={"n": number}, inputs=inputs, fingerprint="0123456789abcdef"
    )
    draft = store.draft(stage, spec.expected_key, inputs)
    with draft.write("documents.txt") as path:
        path.write_text("text")
    return store.publish(spec, draft, time.time())


@pytest.mark.parametrize("record", [RUN, BEST])
def test_every_changed_byte_of_a_record_is_noticed(record: RunRecord | BestModel) -> None:
    data = format_record(record)
    assert parse_record(type(record), data) == record
    for changed in change_bytes(data):
        with pytest.raises(ValueError, match=r"."):
            parse_record(type(record), changed)


def test_every_changed_byte_of_a_manifest_is_noticed(store: Store) -> None:
    artifact = publish(store, "clean")
    data = (artifact.folder / "manifest.json").read_bytes()
    assert Manifest.read(data) is not None
    assert [changed for changed in change_bytes(data) if Manifest.read(changed) is not None] == []


def test_every_changed_byte_of_the_format_marker_is_noticed() -> None:
    data = make_format_marker()
    assert parse_format(data, "store")["format"] == 2
    for changed in change_bytes(data):
        with pytest.raises(StageFailure, match="is corrupt and does not name the format"):
            parse_format(changed, "store")


@pytest.mark.parametrize("length", [0, 1, 40, -3, -1])
def test_torn_records_are_noticed(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_record(RunRecord, format_record(RUN)[:length])


@pytest.mark.parametrize("data", [b"[]", b"7", b"null", b'"text"'])
def test_what_is_no_object_is_no_record(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_record(RunRecord, data)


def test_records_without_a_checksum_are_read() -> None:
    assert parse_record(RunRecord, RUN.model_dump_json(indent=1).encode()) == RUN
    assert parse_record(BestModel, BEST.model_dump_json().encode()) == BEST
    assert parse_format(b'{"format": 2}', "store") == {"format": 2}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    position = data.index(b"0123456789abcdef") if b"0123456789abcdef" in data else len(data) // 2
    data[position] ^= 1
    path.write_bytes(data)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [flip, tear])
@pytest.mark.parametrize("kind", ["runs", "best", "manifest"])
def test_commands_name_a_corrupt_file_and_go_on(
    store: Store, capsys: pytest.CaptureFixture[str], kind: str, damage: Callable[[Path], None]
) -> None:
    older = publish(store, "clean")
    newer = publish(store, "clean", number=1)
    store.record_run({"corpus": "", "crawl": {"snapshot": "0123456789abcdef"}}, [newer])
    store.set_best(BEST)
    files = {"manifest": older.folder / "manifest.json"} | {
        folder: next((store.root / folder).glob("*.json")) for folder in ("runs", "best")
    }
    damage(files[kind])
    assert run_command_line(["verify"]) == 1
    assert f"{files[kind]} is corrupt." in capsys.readouterr().out
    for words in (["ls"], ["show", newer.key], ["leaderboard"], ["lineage", newer.key], ["plan"]):
        assert run_command_line(words) in (0, 2), words  # 2: the default recipe has no seed
    capsys.readouterr()

    assert run_command_line(["gc", "--yes"]) == 0
    assert f"{files[kind]} is corrupt." in capsys.readouterr().out
    assert not files[kind].exists()
    assert newer.folder.exists()
    assert older.folder.exists() == (kind != "manifest"), "what the record needed is not known"
    assert run_command_line(["verify"]) == 0
    run_command_line(["gc", "--yes"])
    assert [manifest.key for manifest in store.manifests()] == [newer.key]


def test_manifests_of_somebody_else_are_no_problem(store: Store) -> None:
    publish(store, "clean")
    notes = store.root / "notes" / "mine"
    notes.mkdir(parents=True)
    (notes / "manifest.json").write_text("of another program")
    assert store.find_unreadable() == []
    assert run_command_line(["verify"]) == 0


def test_gc_keeps_artifacts_while_a_corrupt_manifest_is_needed(store: Store) -> None:
    pages = publish(store, "crawl")
    documents = publish(store, "clean", pages.ref)
    publish(store, "crawl", number=1)
    publish(store, "clean", number=1)
    store.record_run({"corpus": ""}, [documents])
    tear(documents.folder / "manifest.json")
    assert run_command_line(["gc", "--yes"]) == 0
    assert pages.folder.exists(), "what the corrupt artifact was made of is known only when it is built again"
    assert Path(documents.path).exists()


def test_the_gate_says_that_it_could_not_compare(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    model = publish(store, "pretrain")
    evaluation = publish(store, "evaluate", model.ref)
    store.set_best(BEST.model_copy(update={"corpus": ""}))
    flip(next((store.root / "best").glob("*.json")))
    result = apply_gate(store, Recipe(), evaluation)
    assert result.best.model.key == model.key
    assert "WITHOUT a comparison: the record of the best model so far is corrupt" in result.message
    assert result.message in [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert store.best("") == result.best
    assert apply_gate(store, Recipe(), evaluation).message == f"pretrain {model.key} is the best model"


def test_a_corrupt_manifest_is_the_reason_for_a_rebuild(store: Store) -> None:
    artifact = publish(store, "clean")
    spec = BuildSpec.model_validate(store.manifest("clean", artifact.key).model_dump())  # type: ignore[union-attr]
    tear(artifact.folder / "manifest.json")
    assert store.explain_rebuild(spec, "clean") == "its manifest is corrupt"
