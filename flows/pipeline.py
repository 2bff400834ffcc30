"""The pipeline: crawl → extract → clean → dedup → tokenize → pretrain → finetune → evaluate."""

import logging
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.crawl import get_planned_date
from flows.flow_runs import end_flow
from flows.graph import STAGES, FirstStage, StageName, StageSelection, walk_artifacts
from flows.growing_corpus import find_previous_artifacts
from flows.preflight import (
    check_evaluation,
    check_evaluation_data,
    check_finetuning,
    check_small_corpus,
    may_build,
)
from flows.previous_repairs import list_needed_refs, repair_previous
from flows.promotion import finish_evaluated_run
from flows.recipe import Recipe
from tasks.block import Block
from tasks.errors import CorruptInput, StageFailure
from tasks.server_outage.run_despite_outage import show_in_ui
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.store.incomplete import describe_incomplete

log = logging.getLogger("textmill.pipeline")
MAX_REPAIRS = 4  # times that a run begins again for a corrupt artifact


@flow(name="pipeline", log_prints=True)
def pipeline(
    recipe: Recipe = Recipe(),  # noqa: B008 - frozen, and the form in the Prefect UI shows these defaults
    from_stage: FirstStage = "",
    only: tuple[StageName, ...] = (),
    force: tuple[StageName, ...] = (),
) -> list[Artifact]:
    """Turn web pages into an evaluated language model, doing only what is not in the store yet.

    Args:
        recipe: the settings of every stage
        from_stage: build this stage and all later ones again, and take the earlier ones from the store; empty: build
            only what is missing
        only: run only these stages; what they need comes from the store
        force: build these stages again even if they are cached
    """
    dated_recipe = recipe.with_date(get_planned_date())
    artifacts = run_stages(dated_recipe, StageSelection(from_stage, only, force))
    store = Store.current()
    # before the gate, which may raise: gc must keep the artifacts of a refused model too
    store.record_run(dated_recipe.model_dump(mode="json"), artifacts)
    show_in_ui(
        create_table_artifact,
        table=summarize_run(store, artifacts),
        key="pipeline",
        description="The artifacts of this run",
    )
    finish_evaluated_run(store, dated_recipe, artifacts)
    return end_flow(artifacts)


def summarize_run(store: Store, artifacts: list[Artifact]) -> list[dict[str, str]]:
    """Return a row for each stage, for the Prefect UI."""
    manifests = [store.manifest(artifact.stage, artifact.key) for artifact in artifacts]
    return [
        {
            "stage": manifest.stage,
            "key": manifest.key,
            "digest": manifest.digest[:8],
            "built": manifest.finished[:19],
            "seconds": f"{manifest.seconds:.1f}",
            "missing": describe_incomplete(manifest.incomplete),
            "folder": store.artifact(manifest).path,
        }
        for manifest in manifests
        if manifest is not None
    ]


def run_stages(recipe: Recipe, selection: StageSelection) -> list[Artifact]:
    """Run the selected stages and return their artifacts, in the order of the stages."""
    # refuse now what would fail only after hours of training
    check_evaluation(recipe, selection)
    check_finetuning(recipe, selection)
    built: set[str] = set()
    for _ in range(MAX_REPAIRS):
        artifacts: list[Artifact] = []
        try:
            walk_once(recipe, selection, artifacts, built)
        except CorruptInput as error:
            if not can_repair(recipe, selection, artifacts):
                raise
            log.warning("%s; the stages begin again, and what is right is cached", error.what)
        else:
            return artifacts
    raise StageFailure(
        f"files of the store were found corrupt {MAX_REPAIRS} times in this run",
        "Check the disk and the memory of this machine, then start the same command again",
    )


def can_repair(recipe: Recipe, selection: StageSelection, artifacts: list[Artifact]) -> bool:
    """Tell whether the corrupt artifacts of a run, or of previous snapshots, belong to stages that it may build."""
    store = Store.current()
    refs = [artifact.ref for artifact in artifacts] + list_needed_refs(find_previous_artifacts(recipe, store))
    corrupt = []
    for ref in refs:
        manifest = store.manifest(ref.stage, ref.key)
        if manifest is None or store.find_problems(manifest):
            corrupt.append(ref.stage)
    return bool(corrupt) and all(may_build(STAGES[name], selection) for name in corrupt)


def walk_once(recipe: Recipe, selection: StageSelection, artifacts: list[Artifact], built: set[str]) -> None:
    """Run the selected stages, and add their artifacts and what they were built of to `artifacts` and `built`.

    An artifact in `built` was built before in this run: it is neither forced again nor asked again for what is missing.
    Raises CorruptInput.
    """
    store = Store.current()

    def run_stage(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        policy = selection.policy_for(stage)
        if policy == "not selected":
            return None  # no later stage is selected either, so none gets it as an input
        check_small_corpus(recipe, selection, store, stage, settings, *inputs)
        check_evaluation_data(recipe, selection, store, stage, settings, *inputs)
        if policy == "from store":
            artifact = take_from_store(stage, settings, *inputs)
        elif (key := stage.build_spec(settings, *inputs).expected_key) in built:
            artifact = store.get_valid(stage.name, key) or stage(settings, *inputs)
        else:
            artifact = stage(settings, *inputs, force=policy == "force")
            built.add(artifact.key)
        artifacts.append(artifact)
        return artifact

    refs = find_previous_artifacts(recipe, store)
    repair_previous(list_needed_refs(refs), store, lambda name: may_build(STAGES[name], selection))
    walk_artifacts(recipe, run_stage, refs, store)


def take_from_store(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact:
    """Return a stage's artifact from the store. Raises StageFailure that says why there is none."""
    store = Store.current()
    spec = stage.build_spec(settings, *inputs)
    artifact = store.get_valid(stage.name, spec.expected_key)
    if artifact is None:
        manifest = store.manifest(stage.name, spec.expected_key)
        if manifest is not None:
            problem = next(iter(store.find_problems(manifest)), "one of its files is missing or corrupt")
            raise StageFailure(f"{stage.name}: {problem}", f"Run {stage.name} too: it builds the artifact again")
        reason = store.explain_rebuild(spec, stage.section)
        raise StageFailure(
            f"{stage.name}: there is no artifact {spec.expected_key} in {store.address} ({reason})",
            f"Run {stage.name} too, or give the settings that it was built with",
        )
    log.info("%s %s: taken from the store", stage.name, artifact.key)
    return artifact
