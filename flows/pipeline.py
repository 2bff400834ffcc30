"""Crawl → clean → dedup → tokenize → pretrain → evaluate."""

import logging
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.crawl import today
from flows.graph import Choice, FirstStage, StageName, chain
from flows.growing_corpus import Earlier, earlier, fetched, is_empty
from flows.preflight import before_training, check_evaluation
from flows.promotion import conclude
from flows.recipe import Recipe
from tasks.block import Block
from tasks.errors import StageFailure
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tasks.store.rebuild_reason import explain_rebuild

log = logging.getLogger("textmill.pipeline")


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
        from_stage: build this stage and all after it again, those before come from the store; empty: what is missing
        only: run only these stages; what they need comes from the store
        force: build these stages again though they are cached
    """
    dated = recipe.dated(today())
    artifacts = run_chain(dated, Choice(from_stage, only, force))
    store = Store.current()
    store.record_run(dated.model_dump(mode="json"), artifacts)
    create_table_artifact(overview(store, artifacts), key="pipeline", description="What this run ended with")
    conclude(store, dated, artifacts)
    return artifacts


def overview(store: Store, artifacts: list[Artifact]) -> list[dict[str, str]]:
    """A row per stage for the Prefect UI."""
    manifests = [store.manifest(each.stage, each.key) for each in artifacts]
    return [
        {
            "stage": each.stage,
            "key": each.key,
            "digest": each.digest[:8],
            "built": each.finished[:19],
            "seconds": f"{each.seconds:.1f}",
            "folder": store.artifact(each).path,
        }
        for each in manifests
        if each is not None
    ]


def run_chain(recipe: Recipe, choice: Choice) -> list[Artifact]:
    """Run the chosen stages; their artifacts, sources first."""
    store = Store.current()
    check_evaluation(recipe, choice)
    artifacts: list[Artifact] = []

    def step(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact | None:
        mode = choice.mode(stage)
        if mode == "skip":
            return None
        before_training(recipe, choice, store, stage, settings, *inputs)
        artifact = (
            stored(stage, settings, *inputs) if mode == "stored" else stage(settings, *inputs, force=mode == "force")
        )
        artifacts.append(artifact)
        return artifact

    def brought_nothing(tokens: Artifact | None) -> bool:
        return tokens is not None and is_empty(tokens.ref, store)

    before: Earlier[Artifact | None] = fetched(earlier(recipe, store), store)
    chain(recipe, step, before, brought_nothing)
    return artifacts


def stored(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact:
    """A stage's artifact as it is in the store. Raises StageFailure that says why there is none."""
    store = Store.current()
    wanted = stage.build_spec(settings, *inputs)
    artifact = store.get_valid(stage.name, wanted.expected_key)
    if artifact is None:
        why = explain_rebuild(wanted, store.manifests(stage.name), stage.section)
        raise StageFailure(
            f"{stage.name}: there is no artifact {wanted.expected_key} in {store.address} ({why})",
            f"Run {stage.name} too, or give the settings that it was built with",
        )
    log.info("%s %s: taken from the store", stage.name, artifact.key)
    return artifact
