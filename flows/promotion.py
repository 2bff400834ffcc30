"""The gate: a new model becomes the best one of its corpus, or is marked as worse than it."""

import logging
from typing import NamedTuple

from prefect.artifacts import create_table_artifact

from flows.leaderboard import TOO_FEW_COMMON_TEXTS, compare_models, list_leaderboard_rows, load_leaderboard
from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.evaluate.query import Change, why_not_comparable
from tasks.evaluate.settings import Gate
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, BestModel
from tasks.store.store import corpus_slug

MAX_TABLE_EVALUATIONS = 10  # in the UI's table
log = logging.getLogger("textmill.gate")


class GateResult(NamedTuple):
    """The best model after the gate, and what the gate says of the new one."""

    best: BestModel
    message: str
    is_worse: bool = False
    is_unsure: bool = False
    """the record of the best model so far is corrupt, so the new one was not compared with it"""


def finish_evaluated_run(store: Store, recipe: Recipe, artifacts: list[Artifact]) -> None:
    """Apply the gate to a run's evaluation, if it has one, and show the leaderboard in the Prefect UI.

    Raises StageFailure when the model is significantly worse than the best one and `evaluate.gate.fail` is set.
    """
    evaluations = [artifact for artifact in artifacts if artifact.stage == "evaluate"]
    if not evaluations:
        return
    result = apply_gate(store, recipe, evaluations[-1])
    rows = list_leaderboard_rows(load_leaderboard(store, MAX_TABLE_EVALUATIONS))
    create_table_artifact(rows, key="leaderboard", description=result.message)
    if result.is_worse and recipe.evaluate.gate.fail:
        raise StageFailure(
            result.message,
            "All artifacts are kept: see textmill leaderboard. Change what made the model worse, or let it pass with "
            "--set evaluate.gate.enabled=false",
        )


def apply_gate(store: Store, recipe: Recipe, evaluation: Artifact) -> GateResult:
    """Make an evaluation's model the best of the recipe's corpus, unless it is worse or older than the best so far."""
    # read, compared and written under one lock, or two runs could each replace the other's best model
    with store.lock("best", corpus_slug(recipe.corpus)):
        best = store.best(recipe.corpus)
        result = evaluate_gate(store, recipe.evaluate.gate, recipe.corpus, best, evaluation)
        if best is None and store.has_best(recipe.corpus):
            message = (
                f"pretrain {result.best.model.key} is the best model now WITHOUT a comparison: the record of the best "
                "model so far is corrupt"
            )
            result = result._replace(message=message, is_unsure=True)
        if result.best != best:
            store.set_best(result.best)
    log.log(logging.WARNING if result.is_worse or result.is_unsure else logging.INFO, "%s", result.message)
    return result


def evaluate_gate(
    store: Store, settings: Gate, corpus: str, best: BestModel | None, evaluation: Artifact
) -> GateResult:
    """Compare an evaluated model with the best so far. It passes where their evaluations are not comparable."""
    manifest = store.manifest(evaluation.stage, evaluation.key)
    assert manifest is not None, "the run has just ended with it"
    model = next(source for source in manifest.inputs if source.stage == "pretrain")
    name = f"pretrain {model.key}"
    if best is None:
        first = BestModel(corpus=corpus, model=model, evaluation=evaluation.ref)
        return GateResult(first, f"{name} is the first model")
    if best.evaluation.key == evaluation.key:
        return GateResult(best, f"{name} is the best model")
    # a model that was refused before, and is compared again now, loses its mark first
    marks = {key: mark for key, mark in best.worse.items() if key != evaluation.key}
    promoted = best.model_copy(update={"model": model, "evaluation": evaluation.ref, "worse": marks})
    best_manifest = store.manifest(best.evaluation.stage, best.evaluation.key)
    if best.model.key == model.key or best_manifest is None:
        return GateResult(promoted, f"{name} is the best model")
    if find_training_time(store, model) < find_training_time(store, best.model):
        return GateResult(best, f"{name} is not promoted: the best model, pretrain {best.model.key}, is newer")
    obstacle = why_not_comparable(manifest, best_manifest)
    changes = [] if obstacle else compare_models(store, manifest, best_manifest, jointly=True)
    # sure, and even the upper end of the interval is worse by more than the tolerance
    losses = [change for change in changes if change.difference.sure and change.difference.high < -settings.tolerance]
    if losses and settings.enabled:
        mark = ", ".join(map(format_change, losses))
        marked = best.model_copy(update={"worse": best.worse | {evaluation.key: mark}})
        message = f"NOT PROMOTED: {name} is significantly worse than the best model, pretrain {best.model.key}: {mark}"
        return GateResult(marked, message, is_worse=True)
    if changes:
        reason = "worse, but the gate is off" if losses else "not significantly worse"
    else:
        reason = obstacle or TOO_FEW_COMMON_TEXTS
    return GateResult(promoted, f"{name} is the best model now and replaces pretrain {best.model.key} ({reason})")


def find_training_time(store: Store, model: ArtifactRef) -> str:
    """Return when a model was trained, as text that sorts; empty, which sorts first, for one that is gone."""
    manifest = store.manifest(model.stage, model.key)
    return manifest.finished if manifest else ""


def format_change(change: Change) -> str:
    """Return a text such as `site_section with 32 labels a class: -4.1 points of accuracy (-6.2 … -2.0)`."""
    difference = change.difference
    interval = f"{100 * difference.low:+.1f} … {100 * difference.high:+.1f}"
    return (
        f"{change.benchmark} with {change.budget}: {100 * difference.mean:+.1f} points of {change.metric} ({interval})"
    )


def describe_gate_result(store: Store, evaluation: str) -> str:
    """Return the gate's line on an evaluation; empty when it is neither the best nor marked as worse."""
    for best in store.best_models():
        if best.evaluation.key == evaluation:
            return f"best: pretrain {best.model.key}"
        if evaluation in best.worse:
            return f"NOT PROMOTED, significantly worse than the best model: {best.worse[evaluation]}"
    return ""
