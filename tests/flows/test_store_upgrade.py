"""Upgrading a store that was written with the old names: nothing is lost, also when it is killed at any point."""

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli.command_line import run_command_line
from flows.graph import STAGES, StageSelection
from flows.plan import make_plan
from flows.recipe import Recipe
from flows.renamed_settings.migration import Renames
from tasks.store import Store
from tasks.store import upgrade as module
from tasks.store.local import LocalBackend
from tasks.store.manifest import Manifest, code_fingerprint
from tasks.store.s3 import S3Backend
from tasks.store.s3_client import S3Client
from tasks.store.s3_upload import object_name
from tasks.store.store import open_backend
from tasks.store.store_format import parse_format
from tasks.store.upgrade import StoreUpgrade
from tasks.store.upgrade_plan import NameTranslation

ARCHIVE = Path(__file__).parent / "old_store" / "store.tar.xz"
Say = pytest.CaptureFixture[str]

# Invented names, so that keys change whatever the real tables hold. dedup, tokenize and evaluate keep their keys.
RENAMES = Renames([{"crawl.shards": "parts", "clean.filters.*.enabled": "active", "pretrain.seed": "start"}], {})


def rename_settings(stage: str, settings: dict[str, Any]) -> dict[str, Any]:
    return RENAMES.rename(settings, STAGES[stage].section)


VOCABULARY = NameTranslation(
    rename_settings,
    RENAMES.rename,
    lambda text: text.replace(b"shards", b"parts"),
    lambda stage, fingerprint: f"{stage} {fingerprint}",
)


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of format 1 with two snapshots of a corpus; beside it lies the site that was crawled."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in (tmp_path / "store").glob("*/*/manifest.json"):
        for file in Manifest.model_validate_json(path.read_bytes()).files:
            target = path.parent / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"\0" * file.bytes)
    (tmp_path / "store" / "demo.yaml").write_text("crawl: {shards: {}}\n")
    monkeypatch.chdir(tmp_path)  # the recorded recipe names the site by a relative path
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def list_contents(root: Path) -> dict[str, Any]:
    """Every file of a store: JSON as it is, of others the size."""
    return {
        path.relative_to(root).as_posix(): path.read_text() if path.suffix == ".json" else path.stat().st_size
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def upgrade(root: Path | str) -> list[str]:
    return list(StoreUpgrade(open_backend(str(root)), VOCABULARY).run(dry_run=False))


class Killed(BaseException):
    """Stands for kill -9."""


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch, *functions: tuple[Any, str]) -> None:
    """Raise Killed in the place of the next call of these functions, when they were called so many times."""
    count = 0

    def count_down(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count > steps:
                raise Killed
            return function(*args, **named)

        return call

    for owner, name in functions:
        monkeypatch.setattr(owner, name, count_down(getattr(owner, name)))


def test_after_the_upgrade_what_is_built_is_cached(
    old_store: Path, capsys: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what later versions of a stage build anew has nothing to do with the names of settings
    for manifest in (json.loads(path.read_text()) for path in old_store.glob("*/*/manifest.json")):
        monkeypatch.setattr(STAGES[manifest["stage"]], "version", manifest["version"])
    assert run_command_line(["ls"]) == 1
    assert "earlier version (format 1, this one reads 2)" in (error := capsys.readouterr().err)
    assert "Run textmill upgrade" in error
    before = list_contents(old_store)
    assert run_command_line(["upgrade", "--dry-run"]) == 0
    assert "would upgrade 14 artifacts" in capsys.readouterr().out
    assert list_contents(old_store) == before
    assert run_command_line(["upgrade"]) == 0
    assert "upgraded 14 artifacts" in capsys.readouterr().out
    store = Store.current()
    newest = store.runs()[-1]  # the site is as this run crawled it
    rows = make_plan(Recipe.model_validate(newest.recipe), StageSelection(), store)
    # settings of evaluation that came later decide what comes out: only the stages before it are cached
    expected = [(name, "run" if name == "evaluate" else "cached", "") for name in STAGES if name != "finetune"]
    assert [(row.stage, row.state, row.warning) for row in rows] == expected
    assert [row.key for row in rows][:-1] == [artifact.key for artifact in newest.artifacts][:-1]
    assert store.best("nightly") is not None
    assert run_command_line(["upgrade"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: ")
    assert run_command_line(["verify"]) == 0


def test_the_fingerprint_of_the_old_code_becomes_that_of_the_present_one(old_store: Path) -> None:
    manifest = old_store / "crawl" / next((old_store / "crawl").iterdir()).name / "manifest.json"
    manifest.write_text(manifest.read_text().replace("b4758feab9735aa3", "0123456789abcdef"))  # of some other code
    assert run_command_line(["upgrade"]) == 0
    fingerprints = {manifest.stage: set[str]() for manifest in Store.current().manifests()}
    for record in Store.current().manifests():
        fingerprints[record.stage].add(record.fingerprint)
    present = {name: code_fingerprint(*stage.code) for name, stage in STAGES.items() if name in fingerprints}
    assert fingerprints.pop("crawl") == {present.pop("crawl"), "0123456789abcdef"}
    assert fingerprints == {stage: {fingerprint} for stage, fingerprint in present.items()}


def test_keys_settings_inputs_and_records_are_renamed_together(old_store: Path) -> None:
    old = {manifest.digest: manifest for manifest in map(read_manifest, old_store.glob("*/*/manifest.json"))}
    upgrade(old_store)
    store = Store(old_store)
    new = store.manifests()
    assert len(new) == 14
    for manifest in new:
        assert manifest.key == manifest.expected_key
        assert (manifest.key != old[manifest.digest].key) == (manifest.stage in ("crawl", "clean", "pretrain"))
        assert all(store.manifest(source.stage, source.key) for source in manifest.inputs)
        assert manifest.files == old[manifest.digest].files
        assert store.find_problems(manifest) == []
        assert manifest.fingerprint.startswith(manifest.stage)
    assert all("shards" not in manifest.settings for manifest in store.manifests("crawl"))
    known = {(manifest.stage, manifest.key) for manifest in new}
    for run in store.runs():
        assert {(artifact.stage, artifact.key) for artifact in run.artifacts} <= known
        assert "parts" in run.recipe["crawl"]
    (best,) = store.best_models()
    assert {(ref.stage, ref.key) for ref in (best.model, best.evaluation)} <= known
    assert (old_store / "demo.yaml").read_text() == "crawl: {parts: {}}\n"
    assert parse_format((old_store / "store.json").read_bytes(), "") == {"format": 2}


def read_manifest(path: Path) -> Manifest:
    return Manifest.model_validate_json(path.read_bytes())


@pytest.mark.slow
def test_killed_at_any_point_and_started_again_it_ends_the_same(
    old_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(old_store, tmp_path / "reference")
    upgrade(tmp_path / "reference")
    reference = list_contents(tmp_path / "reference")
    num_kills = 0
    for steps in range(100):
        root = tmp_path / f"killed-{steps}"
        shutil.copytree(old_store, root)
        with monkeypatch.context() as patch:
            kill_after(steps, patch, (LocalBackend, "write"), (module, "replace_folder"))
            try:
                upgrade(root)
            except Killed:
                num_kills += 1
            else:
                break
        if steps:
            with pytest.raises(Exception, match="textmill upgrade"):
                Store(root)
        upgrade(root)
        assert list_contents(root) == reference
        assert upgrade(root)[0].startswith("nothing to do")
        shutil.rmtree(root)
    assert num_kills == 1 + 3 + 1 + 14 + 6 + 1, "marker, records, recipe, manifests, moved folders, marker"


def fill_bucket(old_store: Path, address: str) -> None:
    """Put a folder store's contents into a bucket, as the backend for S3 would have written them."""
    objects = S3Client(address)
    for path in old_store.glob("*/*/manifest.json"):
        prefix = f"{path.parent.parent.name}/{path.parent.name}/"
        for file in read_manifest(path).files:
            objects.upload(path.parent / file.path, prefix + object_name(file))
        objects.write(f"{prefix}manifest.json", path.read_bytes())
        objects.write(f"{prefix}.lease", b'{"released": true}')
    for name in ("store.json", *(f"{path.parent.name}/{path.name}" for path in old_store.glob("[br]*/*.json"))):
        objects.write(name, (old_store / name).read_bytes())


def list_bucket(address: str) -> dict[str, Any]:
    """Every object but the locks: JSON as it is, of others the size."""
    objects = S3Client(address)
    return {
        name: objects.read(name) if name.endswith(".json") else info.size
        for name, info in objects.list_objects().items()
        if not name.endswith(".lease")
    }


def test_a_store_in_a_bucket_is_upgraded_also_when_it_is_killed(
    old_store: Path, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in ("dedup", "tokenize", "pretrain", "evaluate"):
        shutil.rmtree(old_store / stage)
    fill_bucket(old_store, f"{s3_address}/reference")
    upgrade(f"{s3_address}/reference")
    reference = list_bucket(f"{s3_address}/reference")
    store = Store(f"{s3_address}/reference")
    assert len(store.manifests()) == 6
    assert [problem for manifest in store.manifests() for problem in store.find_problems(manifest)] == []
    leases = [name for name in S3Client(f"{s3_address}/reference").list_objects() if name.endswith(".lease")]
    assert {name.rpartition("/")[0] for name in leases if not name.startswith("best/")} == {
        f"{manifest.stage}/{manifest.key}" for manifest in store.manifests()
    }
    address = f"{s3_address}/killed"
    fill_bucket(old_store, address)
    for steps in (0, 3, 6, 7, 9, 14):  # each time a little further
        with monkeypatch.context() as patch:
            kill_after(steps, patch, *((S3Client, name) for name in ("copy", "create", "remove", "write")))
            with pytest.raises(Killed):
                upgrade(address)
        release_locks(address)
    upgrade(address)
    assert list_bucket(address) == reference
    assert upgrade(address)[0].startswith("nothing to do")
    assert isinstance(store.backend, S3Backend)


def release_locks(address: str) -> None:
    """Do what a minute without a sign of life does to the locks of a killed process."""
    objects = S3Client(address)
    for name in objects.list_objects():
        if name.endswith(".lease"):
            objects.write(name, b'{"released": true}')


def test_what_cannot_be_upgraded_is_said_and_left(old_store: Path) -> None:
    unreadable, changed = sorted((old_store / "dedup").glob("*/manifest.json"))
    unreadable.write_text("{")
    changed.write_text(changed.read_text().replace('"threshold": 0.75', '"threshold": 0.5'))
    before = changed.read_text()
    lines = upgrade(old_store)
    name = unreadable.relative_to(old_store).as_posix()
    assert f"left as it is: {name} cannot be read, so it does not count as an artifact" in lines
    name = changed.relative_to(old_store).as_posix()
    assert f"left as it is: {name} does not have the key that follows from its settings" in lines
    assert lines[-1].startswith("upgraded 12 artifacts")
    assert changed.read_text() == before


def test_an_artifact_that_is_there_under_the_new_key_with_other_files_is_kept(old_store: Path, tmp_path: Path) -> None:
    shutil.copytree(old_store, tmp_path / "reference")
    upgrade(tmp_path / "reference")
    (new,) = Store(tmp_path / "reference").manifests("pretrain")[:1]
    other = new.model_copy(update={"files": new.files[:1]})
    target = old_store / "pretrain" / new.key / "manifest.json"
    target.parent.mkdir()
    target.write_bytes(other.as_json)
    lines = upgrade(old_store)
    assert [line for line in lines if line.endswith(f"since pretrain {new.key} exists with other files")]
    assert target.read_bytes() == other.as_json
    assert len(list((old_store / "pretrain").glob("*/manifest.json"))) == 3


def test_drafts_and_studies_are_left_with_a_message(old_store: Path, capsys: Say) -> None:
    (old_store / "clean" / ".draft-0123456789abcdef").mkdir()
    (old_store / "search" / "study-0123456789abcdef").mkdir(parents=True)
    assert run_command_line(["upgrade"]) == 0
    out = capsys.readouterr().out
    assert "gc --drafts removes it" in out
    assert "textmill tune begins new ones" in out


def test_a_newer_store_is_refused(old_store: Path, capsys: Say) -> None:
    (old_store / "store.json").write_text('{"format": 999}')
    assert run_command_line(["upgrade"]) == 1
    assert "written by a newer version" in capsys.readouterr().err
