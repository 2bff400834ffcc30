"""What of previous snapshots can be built again, on artifacts that are published without being built."""

import time
from pathlib import Path

import pytest

from flows.graph import STAGES, StageSelection
from flows.plan import make_plan
from flows.preflight import check_run
from flows.previous_repairs import LostArtifact, plan_repairs
from flows.recipe import Recipe
from tasks.block import Block
from tasks.errors import StageFailure
from tasks.store import Artifact, Store

STAGES_OF_SNAPSHOT = ("crawl", "extract", "clean", "dedup", "tokenize")


def publish(store: Store, stage: str, settings: Block, *inputs: Artifact) -> Artifact:
    spec = STAGES[stage].build_spec(settings, *inputs)
    draft = store.draft(stage, spec.expected_key)
    with draft.write("data.txt") as path:
        path.write_text(f"{stage} {spec.expected_key}")
    draft.counts["documents"] = {"train": 1}
    draft.read_digests = {artifact.key: artifact.digest for artifact in inputs}
    return store.publish(spec, draft, time.time())


def make_recipe(snapshot: str, **source: object) -> Recipe:
    crawl = {"snapshot": snapshot, "source": source or {"kind": "web", "web": {"seeds": ["http://127.0.0.1:8000/"]}}}
    return Recipe.model_validate({"corpus": "news", "crawl": crawl})


def publish_snapshot(store: Store, recipe: Recipe, *previous: dict[str, Artifact]) -> dict[str, Artifact]:
    """The artifacts of a snapshot, and the record of its run."""
    pages = publish(store, "crawl", recipe.crawl, *[snapshot["crawl"] for snapshot in previous[-1:]])
    scored = publish(store, "extract", recipe.clean.extract_settings(), pages)
    documents = publish(store, "clean", recipe.clean, scored)
    unique = publish(store, "dedup", recipe.dedup, documents, *[snapshot["dedup"] for snapshot in previous])
    tokens = publish(store, "tokenize", recipe.tokenize, unique, *[snapshot["tokenize"] for snapshot in previous])
    artifacts = [pages, scored, documents, unique, tokens]
    store.record_run(recipe.model_dump(mode="json"), artifacts)
    return {artifact.stage: artifact for artifact in artifacts}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


@pytest.fixture
def snapshots(store: Store) -> list[dict[str, Artifact]]:
    """Two snapshots of a corpus from the web."""
    first = publish_snapshot(store, make_recipe("monday"))
    return [first, publish_snapshot(store, make_recipe("tuesday"), first)]


def flip(store: Store, artifact: Artifact) -> Path:
    """Flip a byte of an artifact's file, which `verify --full` then marks."""
    path = Path(artifact.path) / "data.txt"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    manifest = store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    assert store.find_problems(manifest, full=True)
    return path


def plan(store: Store, **selection: object) -> list[tuple[str, str, str]]:
    rows = make_plan(make_recipe("wednesday"), StageSelection(**selection), store)  # type: ignore[arg-type]
    of_this_run = [name for name in STAGES if name != "finetune"]  # which is off
    return [(row.stage, row.key, row.state) for row in rows][: -len(of_this_run)]


def test_what_is_right_needs_no_repair(store: Store, snapshots: list[dict[str, Artifact]]) -> None:
    assert plan(store) == []
    assert plan_repairs([artifact.ref for artifact in snapshots[0].values()], store) == []


@pytest.mark.parametrize("stage", ["dedup", "tokenize"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_corrupt_result_is_built_again(
    stage: str, number: int, store: Store, snapshots: list[dict[str, Artifact]]
) -> None:
    artifact = snapshots[number][stage]
    path = flip(store, artifact)
    assert plan(store) == [(stage, artifact.key, "run")]
    assert plan(store, only=("pretrain",)) == [(stage, artifact.key, "missing")]
    (repair,) = plan_repairs([artifact.ref], store)
    assert f"{path} is corrupt" in repair.problem
    assert [source.stage for source in repair.build.inputs] == [
        "clean" if stage == "dedup" else "dedup", *[stage] * number
    ]  # fmt: skip


def test_what_a_result_needs_is_built_before_it(store: Store, snapshots: list[dict[str, Artifact]]) -> None:
    for stage in ("dedup", "clean", "extract"):
        flip(store, snapshots[0][stage])
    assert [(stage, state) for stage, _, state in plan(store)] == [
        ("extract", "run"), ("clean", "run"), ("dedup", "run")
    ]  # fmt: skip


@pytest.mark.parametrize("stage", ["dedup", "tokenize"])
def test_without_its_manifest_the_record_of_its_run_says_how(
    stage: str, store: Store, snapshots: list[dict[str, Artifact]]
) -> None:
    artifact = snapshots[0][stage]
    (Path(artifact.path) / "manifest.json").write_text("{torn")
    (repair,) = plan_repairs([artifact.ref], store)
    assert repair.problem.endswith("has no manifest that can be read")
    assert STAGES[stage].build_spec_from(repair.build.settings, repair.build.inputs).expected_key == artifact.key


def test_a_crawl_of_the_web_is_lost_and_the_choices_are_said(
    store: Store, snapshots: list[dict[str, Artifact]]
) -> None:
    pages = snapshots[1]["crawl"]
    path = flip(store, pages)
    assert plan(store) == [("crawl", pages.key, "lost")]
    sentence = rf"needs crawl {pages.key} of a previous snapshot: {path} is corrupt.* as they were in the snapshot tues"
    with pytest.raises(StageFailure, match=f"{sentence}.*Restore the file .* or begin another corpus"):
        check_run(make_recipe("wednesday"), StageSelection(), store)


def test_a_crawl_that_no_run_reads_any_more_may_be_lost(store: Store, snapshots: list[dict[str, Artifact]]) -> None:
    flip(store, snapshots[0]["crawl"])
    assert plan(store) == []


def test_a_result_is_lost_with_the_crawl_that_it_needs(store: Store, snapshots: list[dict[str, Artifact]]) -> None:
    for stage in ("dedup", "clean", "extract", "crawl"):
        flip(store, snapshots[0][stage])
    assert plan(store) == [("crawl", snapshots[0]["crawl"].key, "lost")]


def test_a_crawl_of_files_is_built_again_while_they_are_the_same(store: Store, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "a.html"
    page.write_text("<p>one")
    recipe = make_recipe("monday", kind="files", files={"path": str(tmp_path / "pages")})
    pages = publish_snapshot(store, recipe)["crawl"]
    flip(store, pages)
    (repair,) = plan_repairs([pages.ref], store)
    assert repair.ref == pages.ref
    page.write_text("<p>two")
    with pytest.raises(LostArtifact, match="the files behind it, or the version of its stage, are others now"):
        plan_repairs([pages.ref], store)
    page.unlink()
    page.parent.rmdir()
    with pytest.raises(LostArtifact, match=f"cannot be built again: .*{page.parent}"):
        plan_repairs([pages.ref], store)
