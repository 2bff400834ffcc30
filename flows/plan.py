"""What a run would do, and why: the chain walked without running it."""

from dataclasses import dataclass
from typing import Any

from flows.graph import Choice, chain
from flows.growing_corpus import Earlier, earlier, is_empty
from flows.recipe import Recipe
from tasks.block import Block
from tasks.errors import StageFailure, explain_error
from tasks.stage import Stage
from tasks.store import Store
from tasks.store.manifest import ArtifactRef
from tasks.store.rebuild_reason import explain_rebuild


@dataclass(frozen=True)
class Row:
    """One stage of a plan. `state` is cached, run, depends (on what an earlier stage gives), stored or skip."""

    stage: str
    key: str
    state: str
    why: str
    warning: str = ""


@dataclass(frozen=True)
class Unbuilt:
    """What stands for an artifact that is not there yet: its digest is not known."""

    stage: str


def plan(recipe: Recipe, choice: Choice, store: Store) -> list[Row]:
    """A row per stage, in order."""
    rows: list[Row] = []

    def step(stage: Stage[Any], settings: Block, *inputs: ArtifactRef | Unbuilt) -> ArtifactRef | Unbuilt:
        row, result = planned(stage, settings, inputs, choice, store)
        rows.append(row)
        return result

    def brought_nothing(tokens: ArtifactRef | Unbuilt) -> bool:
        return isinstance(tokens, ArtifactRef) and is_empty(tokens, store)

    before: Earlier[ArtifactRef | Unbuilt] = earlier(recipe, store)
    chain(recipe, step, before, brought_nothing)
    return rows


def planned(
    stage: Stage[Any], settings: Block, inputs: tuple[ArtifactRef | Unbuilt, ...], choice: Choice, store: Store
) -> tuple[Row, ArtifactRef | Unbuilt]:
    """One stage's row, and what stands for its artifact."""
    mode = choice.mode(stage)
    unbuilt = Unbuilt(stage.name)
    if mode == "skip":
        return Row(stage.name, "", "skip", "not asked for"), unbuilt
    waits = sorted({each.stage for each in inputs if isinstance(each, Unbuilt)})
    if waits:
        return Row(stage.name, "", "depends", f"on what {' and '.join(waits)} will give"), unbuilt
    try:
        wanted = stage.build_spec_from(settings, tuple(each for each in inputs if isinstance(each, ArtifactRef)))
    except StageFailure as error:
        raise explain_error(stage.name, error) from error
    key = wanted.expected_key
    manifest = store.manifest(stage.name, key)
    if manifest is None:
        state = "missing" if mode == "stored" else "run"
        return Row(stage.name, key, state, explain_rebuild(wanted, store.manifests(stage.name), stage.section)), unbuilt
    result = ArtifactRef(stage=stage.name, key=key, digest=manifest.digest)
    warning = ""
    if manifest.fingerprint != wanted.fingerprint:
        warning = f"the code of {stage.name} changed since; if its results do, raise its version or use --force"
    if problems := store.find_problems(manifest):
        return Row(stage.name, key, "run", "; ".join(problems), warning), result
    if mode == "force":
        return Row(stage.name, key, "run", "forced", warning), result
    return Row(stage.name, key, "stored" if mode == "stored" else "cached", "", warning), result


def cached_inputs(recipe: Recipe, store: Store) -> list[ArtifactRef]:
    """The artifacts of a recipe that are in the store."""
    rows = plan(recipe, Choice(), store)
    return [ArtifactRef(stage=row.stage, key=row.key, digest="") for row in rows if row.state == "cached"]
