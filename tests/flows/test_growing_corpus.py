"""A corpus that grows: yesterday's documents and tokens stay, a night costs what is new."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.graph import StageSelection
from flows.growing_corpus import PreviousArtifacts, find_newest_runs, find_previous_artifacts
from flows.recipe import Recipe
from tasks.store import Artifact, Store
from tests.flows import tiny

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("pipeline")]


def make_snapshot_recipe(site: Path, name: str) -> Recipe:
    settings = tiny.settings_from(site)
    settings["crawl"]["snapshot"] = name
    return tiny.recipe(settings | {"corpus": "tiny"})


def run_recipe(recipe: Recipe) -> dict[str, Artifact]:
    from flows.cli.start_flows import run_pipeline

    return {artifact.stage: artifact for artifact in run_pipeline(recipe, StageSelection())}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Any:
    """A site of which some pages came later, and the artifacts of two nights and of a third without news."""
    folder = tmp_path_factory.mktemp("corpus")
    site, later = folder / "site", folder / "later"
    tiny.build(site)
    later.mkdir()
    for section in ("threading", "statistics"):
        shutil.move(site / section, later / section)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTMILL_STORE", str(folder / "store"))
        first = run_recipe(make_snapshot_recipe(site, "monday"))
        shutil.copytree(later, site, dirs_exist_ok=True)
        second = run_recipe(make_snapshot_recipe(site, "tuesday"))
        third = run_recipe(make_snapshot_recipe(site, "wednesday"))
        yield site, Store.current(), first, second, third


def list_urls(artifact: Artifact) -> set[str]:
    addresses: list[str] = pl.read_parquet(artifact.folder / "documents" / "*.parquet")["url"].to_list()
    return set(addresses)


def list_input_stages(store: Store, artifact: Artifact) -> list[str]:
    manifest = store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return [source.stage for source in manifest.inputs]


def test_a_snapshot_holds_only_what_is_new(night: Any) -> None:
    _, store, first, second, _ = night
    assert len(list_urls(second["clean"])) > len(list_urls(second["dedup"]))
    assert not list_urls(first["dedup"]) & list_urls(second["dedup"])
    assert {url.split("/")[3] for url in list_urls(second["dedup"])} == {"threading", "statistics"}
    assert list_input_stages(store, second["dedup"]) == ["clean", "dedup"]


def test_all_snapshots_have_one_vocabulary_and_one_model(night: Any) -> None:
    _, store, first, second, _ = night
    tokenizers = [(night["tokenize"].folder / "tokenizer" / "tokenizer.json").read_bytes() for night in (first, second)]
    assert tokenizers[0] == tokenizers[1]
    assert list_input_stages(store, second["pretrain"]) == ["tokenize", "tokenize"]
    assert list_input_stages(store, second["evaluate"]) == ["pretrain", "tokenize", "tokenize"]
    assert first["pretrain"] != second["pretrain"]


def test_a_night_without_news_trains_nothing(night: Any) -> None:
    _, _, _, second, third = night
    assert third["tokenize"].key != second["tokenize"].key
    assert third["pretrain"] == second["pretrain"]
    assert third["evaluate"] == second["evaluate"]


def test_a_rerun_is_cached_and_plan_knows_it(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.plan import make_plan

    site, store, _, _, third = night
    rows = make_plan(make_snapshot_recipe(site, "wednesday"), StageSelection(), store)
    assert {row.state for row in rows} == {"cached"}
    assert {row.stage: row.key for row in rows} == {stage: artifact.key for stage, artifact in third.items()}


def test_what_a_snapshot_adds_to(night: Any) -> None:
    site, store, first, second, third = night
    previous = find_previous_artifacts(make_snapshot_recipe(site, "thursday"), store)
    assert [ref.key for ref in previous.unique] == [night["dedup"].key for night in (first, second, third)]
    assert [ref.key for ref in previous.pages][-1] == third["crawl"].key
    assert find_previous_artifacts(make_snapshot_recipe(site, "monday"), store) == PreviousArtifacts()
    assert (
        find_previous_artifacts(make_snapshot_recipe(site, "thursday").model_copy(update={"corpus": ""}), store)
        == PreviousArtifacts()
    )
    assert [record.artifacts[-1] for record in find_newest_runs(store)] == [third["evaluate"].ref]


@pytest.fixture
def store_copy(night: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copytree(night[1].root, tmp_path / "store")
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


def test_what_is_lost_of_a_snapshot_is_built_again_as_it_was(
    night: Any, store_copy: Store, caplog: pytest.LogCaptureFixture
) -> None:
    site, _, first, second, _ = night
    shutil.rmtree(store_copy.root / "dedup" / first["dedup"].key)
    keys = min((store_copy.root / "dedup" / second["dedup"].key).glob("bands/*.parquet"))
    keys.write_bytes(b"?" + keys.read_bytes()[1:])  # noticed only when it is read
    artifacts = run_recipe(make_snapshot_recipe(site, "thursday"))
    assert artifacts["pretrain"].key == second["pretrain"].key
    for artifact in (first["dedup"], second["dedup"]):
        rebuilt = store_copy.manifest(artifact.stage, artifact.key)
        assert rebuilt is not None
        assert rebuilt.digest == artifact.digest
        assert store_copy.find_problems(rebuilt, full=True) == []
        assert f"dedup {artifact.key} of a previous snapshot is built again" in caplog.text
