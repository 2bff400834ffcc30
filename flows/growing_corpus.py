"""A corpus that grows: which earlier snapshots a run adds to."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, RunRecord

H_co = TypeVar("H_co", covariant=True)


@dataclass(frozen=True)
class Earlier(Generic[H_co]):
    """What stands for the artifacts of the snapshots before a run's own, oldest first."""

    pages: tuple[H_co, ...] = ()
    unique: tuple[H_co, ...] = ()
    tokens: tuple[H_co, ...] = ()


def earlier(recipe: Recipe, store: Store) -> Earlier[ArtifactRef]:
    """What a run of this recipe, its snapshot dated, adds to; nothing for a recipe without a corpus.

    A snapshot that was built before is built on the same ones again, so a rerun finds its artifacts cached.
    """
    before: list[RunRecord] = []
    for run in runs_of(recipe.corpus, store):
        if run.recipe["crawl"]["snapshot"] == recipe.crawl.snapshot:
            break
        before.append(run)
    return line(before[-1], store) if before else Earlier()


def runs_of(corpus: str, store: Store) -> list[RunRecord]:
    """The whole runs that added to a corpus, oldest first."""
    runs = [run for run in store.runs() if corpus and run.recipe.get("corpus") == corpus]
    return [run for run in runs if {"crawl", "dedup", "tokenize"} <= {each.stage for each in run.artifacts}]


def line(run: RunRecord, store: Store) -> Earlier[ArtifactRef]:
    """All snapshots of a run's corpus, its own the last."""

    def snapshots(stage: str) -> tuple[ArtifactRef, ...]:
        own = next(each for each in run.artifacts if each.stage == stage)
        manifest = store.manifest(own.stage, own.key)
        inputs = manifest.inputs if manifest else ()
        return (*(each for each in inputs if each.stage == stage), own)

    return Earlier(snapshots("crawl"), snapshots("dedup"), snapshots("tokenize"))


def fetched(found: Earlier[ArtifactRef], store: Store) -> Earlier[Artifact]:
    """The same as artifacts. Raises StageFailure that names one that is not in the store any more."""

    def there(inputs: tuple[ArtifactRef, ...]) -> tuple[Artifact, ...]:
        return tuple(artifact(each, store) for each in inputs)

    return Earlier(there(found.pages), there(found.unique), there(found.tokens))


def artifact(wanted: ArtifactRef, store: Store) -> Artifact:
    """One artifact of an earlier snapshot."""
    found = store.get_valid(wanted.stage, wanted.key)
    if found is None:
        raise StageFailure(
            f"the corpus needs {wanted.stage} {wanted.key} of an earlier snapshot, which {store.address} does not hold "
            "whole any more",
            "Restore it, or begin another corpus with --set corpus=NAME",
        )
    return found


def is_empty(tokens: ArtifactRef, store: Store) -> bool:
    """Whether a snapshot brought no document at all, so that no model changes for it."""
    manifest = store.manifest(tokens.stage, tokens.key)
    return manifest is not None and not any(manifest.counts["documents"].values())


def newest_runs(store: Store) -> list[RunRecord]:
    """The newest run without a corpus, and the newest of each corpus: what clearing up keeps."""
    return list({run.recipe.get("corpus", ""): run for run in store.runs()}.values())
