"""A pipeline that meets a corrupt artifact builds it again and goes on, with toy stages on a real Prefect server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import pipeline
from flows.graph import StageSelection
from flows.recipe import Recipe
from tasks.block import Block
from tasks.errors import CorruptInput
from tasks.stage import stage
from tasks.store import Artifact, Draft, Store

pytestmark = pytest.mark.prefect
built: list[str] = []
incomplete: set[str] = set()


class NoSettings(Block):
    """Settings of the toy stages."""


def build_copy(name: str) -> Callable[..., None]:
    def build(settings: NoSettings, draft: Draft, *inputs: Artifact) -> None:
        texts = [(artifact.folder / "data.txt").read_text() for artifact in inputs]
        built.append(name)
        if name in incomplete:
            draft.report_incomplete("a page got no answer")
        with draft.write("data.txt") as path:
            path.write_text(f"{name} of {texts}")

    build.__module__ = __name__
    return build


STAGES = {name: stage(name, version=1)(build_copy(name)) for name in ("clean", "dedup", "tokenize")}


def walk_toys(_recipe: Recipe, step: Callable[..., Any], *_: object) -> None:
    documents = step(STAGES["clean"], NoSettings())
    unique = step(STAGES["dedup"], NoSettings(), documents)
    step(STAGES["tokenize"], NoSettings(), unique)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(pipeline, "walk_artifacts", walk_toys)
    monkeypatch.setattr(pipeline, "check_evaluation", lambda *_: None)
    built.clear()
    incomplete.clear()
    return Store.current()


def run(**selection: Any) -> list[Artifact]:
    return pipeline.run_stages(Recipe(), StageSelection(**selection))


def flip(artifact: Artifact) -> Path:
    path = Path(artifact.path) / "data.txt"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    return path


def test_a_flipped_input_is_built_again_and_what_follows_is_right(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    _, unique, tokens = first = run()
    file = flip(unique)
    store.backend.write(f"tokenize/{tokens.key}/manifest.json", b"{torn")  # so that tokenize is built again
    built.clear()
    assert run() == first
    assert built == ["dedup", "tokenize"]
    assert f"{file} is corrupt: its sha256 is not the manifest's; the stages begin again" in caplog.text
    assert (tokens.folder / "data.txt").read_text() == "tokenize of [\"dedup of ['clean of []']\"]"


def test_several_flipped_inputs_are_built_again(store: Store) -> None:
    documents, unique, tokens = first = run()
    flip(documents)
    flip(unique)
    store.backend.write(f"tokenize/{tokens.key}/manifest.json", b"{torn")
    built.clear()
    assert run() == first
    assert built == ["clean", "dedup", "tokenize"]


def test_an_input_whose_manifest_is_torn_meanwhile_is_built_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, unique, tokens = first = run()
    store.backend.write(f"tokenize/{tokens.key}/manifest.json", b"{torn")
    acquire_slot = type(STAGES["tokenize"]).acquire_slot

    def tear_input(self: Any) -> Any:
        if self.name == "tokenize" and not built:
            store.backend.write(f"dedup/{unique.key}/manifest.json", b"{torn")
        return acquire_slot(self)

    built.clear()
    monkeypatch.setattr(type(STAGES["tokenize"]), "acquire_slot", tear_input)
    assert run() == first
    assert built == ["dedup", "tokenize"]


def test_a_stage_that_is_only_taken_from_the_store_is_not_repaired(store: Store) -> None:
    _, unique, _ = run()
    file = flip(unique)
    built.clear()
    with pytest.raises(CorruptInput, match=rf"{file} is corrupt: .*textmill run builds it again"):
        run(from_stage="tokenize")
    assert built == []


def test_forced_stages_are_not_forced_again_by_a_repair(store: Store) -> None:
    _, unique, tokens = run()
    flip(unique)
    store.backend.write(f"tokenize/{tokens.key}/manifest.json", b"{torn")
    built.clear()
    run(force=("clean",))
    assert built == ["clean", "dedup", "tokenize"]


def test_a_repair_does_not_ask_again_for_what_is_missing(store: Store) -> None:
    incomplete.add("clean")
    _, unique, tokens = run()
    flip(unique)
    store.backend.write(f"tokenize/{tokens.key}/manifest.json", b"{torn")
    built.clear()
    run()
    assert built == ["clean", "dedup", "tokenize"]
