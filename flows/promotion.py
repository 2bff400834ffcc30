"""The gate: whether a new model becomes the best one of its corpus, or is marked as worse than it."""

import logging
from typing import NamedTuple

from prefect.artifacts import create_table_artifact

from flows.leaderboard import TOO_FEW, compared, rows, standings
from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.evaluate.query import Change, why_not_comparable
from tasks.evaluate.settings import Gate
from tasks.store.manifest import ArtifactRef, BestModel
from tasks.store.store import Artifact, Store, corpus_slug

LAST = 10  # evaluations in the UI's table
log = logging.getLogger("textmill.gate")


class Verdict(NamedTuple):
    """What becomes of a model."""

    best: BestModel
    said: str
    worse: bool = False


def conclude(store: Store, recipe: Recipe, artifacts: list[Artifact]) -> None:
    """What a run ends with that evaluated a model: the gate, and the leaderboard in the Prefect UI.

    Raises StageFailure when the model is significantly worse than the best one and `evaluate.gate.fail` is set.
    """
    evaluations = [each for each in artifacts if each.stage == "evaluate"]
    if not evaluations:
        return
    verdict = gate(store, recipe, evaluations[-1])
    create_table_artifact(rows(standings(store, LAST)), key="scores", description=verdict.said)
    if verdict.worse and recipe.evaluate.gate.fail:
        raise StageFailure(
            verdict.said,
            "All is stored: see textmill scores. Change what made it worse, or let it pass with "
            "--set evaluate.gate.enabled=false",
        )


def gate(store: Store, recipe: Recipe, evaluation: Artifact) -> Verdict:
    """Let the name `best` of the recipe's corpus stand for an evaluation's model, unless that is worse or older."""
    with store.lock("best", corpus_slug(recipe.corpus)):
        before = store.best(recipe.corpus)
        verdict = judged(store, recipe.evaluate.gate, recipe.corpus, before, evaluation)
        if verdict.best != before:
            store.set_best(verdict.best)
    log.log(logging.WARNING if verdict.worse else logging.INFO, "%s", verdict.said)
    return verdict


def judged(store: Store, settings: Gate, corpus: str, best: BestModel | None, evaluation: Artifact) -> Verdict:
    """Against the best model so far. Where two evaluations do not compare, nothing speaks against the newer model."""
    manifest = store.manifest(evaluation.stage, evaluation.key)
    assert manifest is not None, "the run has just ended with it"
    model = next(each for each in manifest.inputs if each.stage == "pretrain")
    name = f"pretrain {model.key}"
    if best is None:
        return Verdict(BestModel(corpus=corpus, model=model, evaluation=evaluation.ref), f"{name} is the first model")
    if best.evaluation.key == evaluation.key:
        return Verdict(best, f"{name} is the best model")
    marks = {key: how for key, how in best.worse.items() if key != evaluation.key}
    promoted = best.model_copy(update={"model": model, "evaluation": evaluation.ref, "worse": marks})
    holder = store.manifest(best.evaluation.stage, best.evaluation.key)
    if best.model.key == model.key or holder is None:
        return Verdict(promoted, f"{name} is the best model")
    if trained(store, model) < trained(store, best.model):
        return Verdict(best, f"{name} is not promoted: the best model, pretrain {best.model.key}, is newer")
    why = why_not_comparable(manifest, holder)
    found = [] if why else compared(store, manifest, holder, jointly=True)
    lost = [each for each in found if each.difference.sure and each.difference.high < -settings.tolerance]
    if lost and settings.enabled:
        how = ", ".join(map(spoken, lost))
        marked = best.model_copy(update={"worse": best.worse | {evaluation.key: how}})
        said = f"NOT PROMOTED: {name} is significantly worse than the best model, pretrain {best.model.key}: {how}"
        return Verdict(marked, said, worse=True)
    how = ("worse, but the gate is off" if lost else "not significantly worse") if found else why or TOO_FEW
    return Verdict(promoted, f"{name} is the best model now, in the place of pretrain {best.model.key} ({how})")


def trained(store: Store, model: ArtifactRef) -> str:
    """When; the empty text, which is before all, of a model that is gone."""
    manifest = store.manifest(model.stage, model.key)
    return manifest.finished if manifest else ""


def spoken(change: Change) -> str:
    """`site_section with 32 labels a class: -4.1 points (-6.2 … -2.0)`."""
    gap = change.difference
    interval = f"{100 * gap.low:+.1f} … {100 * gap.high:+.1f}"
    return f"{change.benchmark} with {change.budget}: {100 * gap.mean:+.1f} points ({interval})"


def ended_with(store: Store, evaluation: str) -> str:
    """What the gate said of an evaluation, in a line; empty when it is neither the best nor marked."""
    for best in store.best_models():
        if best.evaluation.key == evaluation:
            return f"best: pretrain {best.model.key}"
        if evaluation in best.worse:
            return f"NOT PROMOTED, significantly worse than the best model: {best.worse[evaluation]}"
    return ""
