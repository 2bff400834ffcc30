"""The plan of a run: what each stage would do, and why. Nothing is run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flows.graph import STAGES, StageSelection, walk_stages
from flows.growing_corpus import PreviousArtifacts, find_previous_artifacts, is_empty_snapshot
from flows.previous_repairs import LostArtifact, list_needed_refs, plan_repairs
from flows.recipe import Recipe
from flows.stage_inputs import (
    INPUT_STAGES,
    find_kept_models,
    find_stage_inputs,
    lacks_input,
    list_finetune_inputs,
)
from tasks.block import Block
from tasks.errors import StageFailure, explain_error
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.store.incomplete import describe_incomplete
from tasks.store.manifest import ArtifactRef

STATES = {
    "cached": "nothing to do",
    "run": "will be built",
    "incomplete": "built, but something is missing: will be asked for again",
    "waiting": "depends on the result of a previous stage",
    "from store": "taken from the store, as asked",
    "missing": "asked from the store, and not there",
    "not selected": "not asked for",
    "lost": "of a previous snapshot, corrupt, and cannot be built again",
}
"""The states of a stage in a plan → what they mean"""


@dataclass(frozen=True)
class PlanRow:
    """One stage of a plan; `state` is one of STATES."""

    stage: str
    key: str
    state: str
    reason: str
    warning: str = ""


@dataclass(frozen=True)
class PendingInput:
    """Stands for an artifact that is not built yet, so that its digest is unknown."""

    stage: str


PlanInputs = tuple[ArtifactRef | PendingInput, ...]


def make_plan(recipe: Recipe, selection: StageSelection, store: Store) -> list[PlanRow]:
    """Return a row for each stage, in order; before them one for each corrupt artifact of a previous snapshot."""
    refs = find_previous_artifacts(recipe, store)
    rows = plan_previous(list_needed_refs(refs), selection, store)

    def plan_next(
        stage: Stage[Any], settings: Block, *inputs: ArtifactRef | PendingInput
    ) -> ArtifactRef | PendingInput:
        row, result = plan_stage(stage, settings, inputs, selection, store)
        rows.append(row)
        return result

    def is_empty(tokens: ArtifactRef | PendingInput) -> bool:
        return isinstance(tokens, ArtifactRef) and is_empty_snapshot(tokens, store)

    previous: PreviousArtifacts[ArtifactRef | PendingInput] = refs
    walk_stages(recipe, plan_next, previous, is_empty)
    return rows


def plan_previous(refs: list[ArtifactRef], selection: StageSelection, store: Store) -> list[PlanRow]:
    """Return a row for each artifact of a previous snapshot that must be built again, or cannot be."""
    rows = []
    for ref in refs:
        try:
            repairs = plan_repairs([ref], store)
        except LostArtifact as error:
            rows.append(PlanRow(error.ref.stage, error.ref.key, "lost", error.what, error.hint))
            continue
        for repair in repairs:
            can_build = selection.policy_for(STAGES[repair.ref.stage]) in ("run", "force")
            reason = f"of a previous snapshot: {repair.problem}"
            rows.append(PlanRow(repair.ref.stage, repair.ref.key, "run" if can_build else "missing", reason))
    # two artifacts may need the same one
    return list(dict.fromkeys(rows))


def plan_stage_alone(recipe: Recipe, name: str, key: str, store: Store) -> list[PlanRow]:
    """Return the rows of one stage that is run alone, on the artifact with this key, or the newest.

    `clean` has a row for `extract` too, and `finetune` one for each task. Where the store holds nothing that the stage
    could take, a row says so. Raises StageFailure when it does not hold the artifact with the key.
    """
    if lacks_input(name, key, store) and not (name == "finetune" and recipe.finetune.folder):
        source = INPUT_STAGES[name]
        reason = f"{store.address} holds none: textmill run or textmill demo builds one"
        return [
            PlanRow(source, "", "missing", reason),
            PlanRow(name, "", "waiting", f"for the result of {source}"),
        ]
    all_stages = StageSelection()
    if name == "finetune":
        return [
            plan_stage(
                STAGES[name], settings, list_refs(list_finetune_inputs(settings, key, store)), all_stages, store
            )[0]
            for settings in recipe.finetune.list_tasks()
        ]
    artifacts = find_stage_inputs(name, key, store)
    if name == "evaluate":
        artifacts[1:1] = find_kept_models(recipe, artifacts, store)
    inputs = list_refs(artifacts)
    rows = []
    for stage in (STAGES["extract"], STAGES["clean"]) if name == "clean" else (STAGES[name],):
        row, result = plan_stage(stage, recipe.find_stage_settings(stage.name), inputs, all_stages, store)
        rows.append(row)
        inputs = (result,)
    return rows


def list_refs(artifacts: Iterable[Artifact]) -> PlanInputs:
    """Return the references to artifacts of the store."""
    return tuple(artifact.ref for artifact in artifacts)


def plan_stage(
    stage: Stage[Any],
    settings: Block,
    inputs: PlanInputs,
    selection: StageSelection,
    store: Store,
) -> tuple[PlanRow, ArtifactRef | PendingInput]:
    """Return one stage's row, and what stands for its artifact in the rows of later stages."""
    policy = selection.policy_for(stage)
    pending = PendingInput(stage.name)
    if policy == "not selected":
        return PlanRow(stage.name, "", "not selected", "not asked for"), pending
    waits_for = sorted({source.stage for source in inputs if isinstance(source, PendingInput)})
    if waits_for:
        return PlanRow(stage.name, "", "waiting", f"for the result of {' and '.join(waits_for)}"), pending
    try:
        spec = stage.build_spec_from(settings, tuple(source for source in inputs if isinstance(source, ArtifactRef)))
    except StageFailure as error:
        raise explain_error(stage.name, error) from error
    key = spec.expected_key
    manifest = store.manifest(stage.name, key)
    if manifest is None:
        state = "missing" if policy == "from store" else "run"
        reason = store.explain_rebuild(spec, stage.section)
        return PlanRow(stage.name, key, state, reason), pending
    result = ArtifactRef(stage=stage.name, key=key, digest=manifest.digest)
    warning = ""
    if manifest.fingerprint != spec.fingerprint:
        warning = f"the code of {stage.name} changed since; if its results do, raise its version or use --force"
    # Later rows are planned with the digest that this artifact had: it is expected to be rebuilt to the same bytes.
    if problems := store.find_problems(manifest):
        state, reason = "missing" if policy == "from store" else "run", "; ".join(problems)
    elif policy == "force":
        state, reason = "run", "forced"
    elif policy == "run" and manifest.incomplete:
        state, reason = "incomplete", f"asks again: {describe_incomplete(manifest.incomplete)}"
    else:
        state, reason = "from store" if policy == "from store" else "cached", ""
    return PlanRow(stage.name, key, state, reason, warning), result


def list_cached_artifacts(recipe: Recipe, store: Store) -> list[ArtifactRef]:
    """List the artifacts of a recipe that are in the store."""
    rows = make_plan(recipe, StageSelection(), store)
    # without digests: gc compares stages and keys
    states = ("cached", "incomplete")
    return [ArtifactRef(stage=row.stage, key=row.key, digest="") for row in rows if row.state in states]
