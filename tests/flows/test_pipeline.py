"""The whole chain on a small site: cached, rebuilt, killed, chosen, planned. One Prefect server for all of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.cli.commands.lineage import format_lineage
from flows.graph import STAGE_NAMES, StageSelection
from flows.recipe import Recipe, merge_settings
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tests.flows import tiny

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("pipeline")]

ROOT = Path(__file__).parents[2]


def change_groups(recipe: Recipe, **changes: Any) -> Recipe:
    return Recipe.model_validate(merge_settings(Recipe, recipe.model_dump(mode="json"), changes))


def run_recipe(recipe: Recipe, **choice: Any) -> list[Artifact]:
    from flows.cli.start_flows import run_pipeline

    return run_pipeline(recipe, StageSelection(**choice))


def list_states(store: Store, recipe: Recipe, **choice: Any) -> dict[str, str]:
    from flows.plan import make_plan

    return {row.stage: row.state for row in make_plan(recipe, StageSelection(**choice), store)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    tiny.build(folder)
    return folder


@pytest.fixture(scope="module")
def recipe(site: Path) -> Recipe:
    return tiny.recipe(tiny.add_kept_model(tiny.settings_from(site)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe, prefect_server: None) -> Store:
    """A store in which the whole chain has run once, without interruption. Tests work on copies of it."""
    # a name of which libraries make a pattern, a query, an option or another encoding
    root = tmp_path_factory.mktemp("finished") / "store [v2] *? {a,b} %20 #1 'x' ü a=1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTMILL_STORE", str(root))
        run_recipe(recipe)
    return Store(root)


@pytest.fixture
def store(finished: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copytree(finished.root, tmp_path / "store")
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


def map_digests(store: Store) -> dict[str, str]:
    return {manifest.stage: manifest.digest for manifest in store.manifests()}


def list_built_since(store: Store, began: str) -> list[str]:
    return [manifest.stage for manifest in store.manifests() if manifest.finished > began]


def find_newest_time(store: Store) -> str:
    return max(manifest.finished for manifest in store.manifests())


def test_the_chain_ends_with_a_report(finished: Store) -> None:
    assert sorted(map_digests(finished)) == sorted(STAGE_NAMES)
    report = finished.find("evaluate").folder / "report.html"
    text = report.read_text()
    assert "TF-IDF" in text
    assert "<svg" in text
    assert "http://tiny.test" not in text.split("<body")[0]


def test_an_evaluation_ends_with_its_scores(store: Store) -> None:
    from flows.cli.run_summary import format_run_summary

    evaluation = store.find("evaluate")
    printed = format_run_summary([evaluation], 0.0)
    assert f"report: {evaluation.folder / 'report.html'}" in printed
    assert "| TF-IDF + logistic regression |" in printed
    assert "![" not in printed
    assert "scores.site_section.4.pretrained 0." in format_lineage(store, evaluation.key, pages=False)


def test_second_run_builds_nothing(store: Store, recipe: Recipe) -> None:
    before = find_newest_time(store)
    artifacts = run_recipe(recipe)
    assert list_built_since(store, before) == []
    assert [artifact.stage for artifact in artifacts] == list(STAGE_NAMES)
    assert set(list_states(store, recipe).values()) == {"cached"}


def test_changed_threshold_that_changes_no_document_rebuilds_clean_only(store: Store, recipe: Recipe) -> None:
    before = find_newest_time(store)
    run_recipe(change_groups(recipe, clean={"filters": {"length": {"min": 101}}}))
    rebuilt = list_built_since(store, before)
    assert rebuilt == ["clean"], "the same documents stay, so all that follows is cached"


def test_changed_threshold_that_drops_documents_rebuilds_what_follows(store: Store, recipe: Recipe) -> None:
    before = find_newest_time(store)
    run_recipe(change_groups(recipe, clean={"filters": {"length": {"min": 950}}}), only=("clean", "dedup"))
    assert list_built_since(store, before) == ["clean", "dedup"]


def test_plan_names_exactly_the_changed_setting(store: Store, recipe: Recipe) -> None:
    from flows.plan import make_plan

    rows = make_plan(change_groups(recipe, clean={"filters": {"length": {"min": 60}}}), StageSelection(), store)
    assert [row.state for row in rows] == ["cached", "cached", "run", *["waiting"] * 5]
    assert rows[2].reason == "setting clean.filters.length.min: 100 → 60"


def test_plan_says_that_an_incomplete_stage_asks_again(store: Store, recipe: Recipe) -> None:
    from flows.plan import list_cached_artifacts, make_plan

    pages = store.find("crawl")
    manifest = store.manifest("crawl", pages.key)
    assert manifest is not None
    incomplete = manifest.model_copy(update={"incomplete": ("113 pages of example.org got no answer",)})
    store.backend.write(f"crawl/{pages.key}/manifest.json", incomplete.as_json)
    rows = make_plan(recipe, StageSelection(), store)
    assert (rows[0].state, rows[0].reason) == ("incomplete", "asks again: 113 pages of example.org got no answer")
    assert {row.state for row in rows[1:]} == {"cached"}, "the same bytes are expected"
    assert pages.key in {artifact.key for artifact in list_cached_artifacts(recipe, store)}, "gc keeps it"
    (taken, *_) = make_plan(recipe, StageSelection(from_stage="clean"), store)
    assert (taken.state, taken.reason) == ("from store", "")


def test_plan_names_missing_files_and_changed_code(
    store: Store, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.plan import make_plan

    missing = next(store.find("dedup").folder.glob("documents/*.parquet"))
    missing.unlink()
    monkeypatch.setattr("tasks.stage.code_fingerprint", lambda *folders: "other")
    rows = {row.stage: row for row in make_plan(recipe, StageSelection(), store)}
    assert (rows["dedup"].state, rows["dedup"].reason) == ("run", f"{missing} is missing")
    assert rows["tokenize"].state == "cached", "the same bytes are expected again"
    assert "code of crawl changed" in rows["crawl"].warning


def test_corrupt_file_is_rebuilt_and_what_follows_stays(
    store: Store, recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    reference, before = map_digests(store), find_newest_time(store)
    damaged = next(store.find("extract").folder.glob("documents/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-7])
    run_recipe(recipe)
    assert list_built_since(store, before) == ["extract"]
    assert map_digests(store) == reference
    assert f"{damaged} is corrupt" in caplog.text


def test_from_stage_builds_the_rest_again(store: Store, recipe: Recipe) -> None:
    reference, before = map_digests(store), find_newest_time(store)
    run_recipe(recipe, from_stage="tokenize")
    assert list_built_since(store, before) == ["tokenize", "pretrain", "finetune", "evaluate"]
    assert map_digests(store) == reference, "the same inputs and settings give the same bytes"


def test_only_takes_the_rest_from_the_store(store: Store, recipe: Recipe) -> None:
    before = find_newest_time(store)
    artifacts = run_recipe(change_groups(recipe, dedup={"threshold": 0.7}), only=("dedup",))
    assert [artifact.stage for artifact in artifacts] == ["crawl", "extract", "clean", "dedup"]
    assert list_built_since(store, before) == ["dedup"]


def test_a_stage_from_the_store_that_is_damaged_is_named_in_plan_and_run(store: Store, recipe: Recipe) -> None:
    damaged = next(store.find("tokenize").folder.glob("train/*.arrow"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    from flows.plan import make_plan

    rows = {row.stage: row for row in make_plan(recipe, StageSelection(only=("pretrain",)), store)}
    assert rows["tokenize"].state == "missing"
    assert str(damaged) in rows["tokenize"].reason
    with pytest.raises(StageFailure, match=rf"{re.escape(str(damaged))} is corrupt.*Run tokenize too"):
        run_recipe(recipe, only=("pretrain",))


def test_only_says_what_is_missing(store: Store, recipe: Recipe) -> None:
    with pytest.raises(StageFailure, match=r"clean: there is no artifact .* \(setting clean.filters.length.min"):
        run_recipe(change_groups(recipe, clean={"filters": {"length": {"min": 60}}}), only=("dedup",))


def test_an_evaluation_without_classes_is_known_before_a_model_is_trained(store: Store, recipe: Recipe) -> None:
    few = change_groups(
        recipe, pretrain={"steps": 21}, evaluate={"benchmarks": {"site_section": {"min_passages_per_class": 9999}}}
    )
    before = find_newest_time(store)
    with pytest.raises(StageFailure, match="site_section: the held-out pages make 0 classes"):
        run_recipe(few)
    assert list_built_since(store, before) == []
    run_recipe(few, only=("pretrain",))
    assert list_built_since(store, before) == ["pretrain"], "who asks for no evaluation gets the model"


def test_force_builds_one_stage_again(store: Store, recipe: Recipe) -> None:
    before = find_newest_time(store)
    run_recipe(recipe, force=("dedup",))
    assert list_built_since(store, before) == ["dedup"]


def test_single_stage_flows_take_a_key_or_the_newest(store: Store, recipe: Recipe) -> None:
    from flows.dedup import dedup
    from flows.evaluate import evaluate

    documents = store.find("clean")
    assert dedup(recipe.dedup, documents.key[:8]) == store.find("dedup") == dedup(recipe.dedup)
    assert evaluate(recipe.evaluate) == store.find("evaluate")
    with pytest.raises(StageFailure, match="no clean artifact with key 0123abc"):
        dedup(recipe.dedup, "0123abc")


def start_command(recipe: Recipe, store: Store, folder: Path) -> subprocess.Popen[bytes]:
    """The pipeline as a process of its own, on the test's Prefect server."""
    from prefect.settings import PREFECT_API_URL

    file = folder / "recipe.json"
    file.write_text(recipe.model_dump_json())
    words = [sys.executable, "-m", "flows", "run", "--recipe", str(file), "--store", str(store.root)]
    env = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_killed_in_a_stage_and_run_again_gives_the_same_bytes(
    store: Store, recipe: Recipe, tmp_path: Path, stage: str
) -> None:
    reference = map_digests(store)
    shutil.rmtree(store.root / stage)  # what follows stays, and is cached when this comes out the same
    first = start_command(recipe, store, tmp_path)
    deadline = time.monotonic() + 200
    while not list((store.root / stage).glob(".draft-*/.*")):  # looked at more often than wait_until does
        assert first.poll() is None, first.stdout.read().decode() if first.stdout else ""
        assert time.monotonic() < deadline
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not list((store.root / stage).glob("*/manifest.json")), "nothing half-published"
    before = find_newest_time(store)
    run_recipe(recipe)  # in this process: a new one would load all libraries once more
    assert map_digests(store) == reference
    assert list_built_since(store, before) == [stage]


def test_two_runs_at_once_build_each_artifact_once(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    reference = map_digests(store)
    rebuilt = ("clean", "dedup", "tokenize")
    for name in rebuilt:
        shutil.rmtree(store.root / name)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    runs = [start_command(recipe, store, folder) for folder in folders]
    outputs = [process.communicate(timeout=280)[0].decode() for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
    assert map_digests(store) == reference
    for name in rebuilt:
        assert sum(output.count(f"{name} {store.find(name).key}: built in") for output in outputs) == 1, outputs
