"""A growing corpus: find the previous snapshots that a run adds to."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, RunRecord

Handle_co = TypeVar("Handle_co", covariant=True)


@dataclass(frozen=True)
class PreviousArtifacts(Generic[Handle_co]):
    """The artifacts of the snapshots before a run's own, oldest first, or what stands for them."""

    pages: tuple[Handle_co, ...] = ()
    unique: tuple[Handle_co, ...] = ()
    tokens: tuple[Handle_co, ...] = ()


def find_previous_artifacts(recipe: Recipe, store: Store) -> PreviousArtifacts[ArtifactRef]:
    """Find the snapshots that a run of this recipe adds to; none for a recipe without a corpus.

    The recipe's snapshot must be a date already, not "today". A snapshot that was built before is built on the same
    previous ones again, so that a rerun finds its artifacts cached.
    """
    previous_runs: list[RunRecord] = []
    for run in list_complete_runs(recipe.corpus, store):
        # this snapshot was built before: what came after it is not among its previous ones
        if find_snapshot(run) == recipe.crawl.snapshot:
            break
        previous_runs.append(run)
    return list_snapshots(previous_runs[-1], store) if previous_runs else PreviousArtifacts()


def find_snapshot(run: RunRecord) -> str:
    """Return the name of the snapshot that a run crawled."""
    return str((run.recipe.get("crawl") or {}).get("snapshot", ""))


def list_complete_runs(corpus: str, store: Store) -> list[RunRecord]:
    """List the runs that added a snapshot to a corpus, oldest first; runs of only some stages do not count."""
    runs = [run for run in store.runs() if corpus and run.recipe.get("corpus") == corpus]
    return [run for run in runs if {"crawl", "dedup", "tokenize"} <= {artifact.stage for artifact in run.artifacts}]


def list_snapshots(run: RunRecord, store: Store) -> PreviousArtifacts[ArtifactRef]:
    """List all snapshots of a run's corpus; the run's own is the last."""

    def list_artifacts(stage: str) -> tuple[ArtifactRef, ...]:
        own = next(artifact for artifact in run.artifacts if artifact.stage == stage)
        manifest = store.manifest(own.stage, own.key)
        inputs = manifest.inputs if manifest else ()
        return (*(artifact for artifact in inputs if artifact.stage == stage), own)

    return PreviousArtifacts(list_artifacts("crawl"), list_artifacts("dedup"), list_artifacts("tokenize"))


def load_previous_artifacts(refs: PreviousArtifacts[ArtifactRef], store: Store) -> PreviousArtifacts[Artifact]:
    """Return the artifacts behind references, of the crawls only the last, which alone is read.

    Raises StageFailure that names one which is no longer in the store.
    """

    def load(stage_refs: tuple[ArtifactRef, ...]) -> tuple[Artifact, ...]:
        return tuple(require_artifact(ref, store) for ref in stage_refs)

    return PreviousArtifacts(load(refs.pages[-1:]), load(refs.unique), load(refs.tokens))


def require_artifact(ref: ArtifactRef, store: Store) -> Artifact:
    """Return one artifact of a previous snapshot. Raises StageFailure when the store does not hold all of its files."""
    artifact = store.get_valid(ref.stage, ref.key)
    if artifact is None:
        raise StageFailure(
            f"the corpus needs {ref.stage} {ref.key} of a previous snapshot, which {store.address} no longer holds "
            "completely",
            "Restore it, or begin another corpus with --set corpus=NAME",
        )
    return artifact


def is_empty_snapshot(tokens: ArtifactRef, store: Store) -> bool:
    """Tell whether a snapshot brought no document at all, so that no model changes for it."""
    manifest = store.manifest(tokens.stage, tokens.key)
    return manifest is not None and not any(manifest.counts["documents"].values())


def find_newest_runs(store: Store) -> list[RunRecord]:
    """Return the newest run without a corpus and the newest of each corpus: the runs that `gc` keeps."""
    # runs come oldest first, so the last one of each corpus remains
    return list({run.recipe.get("corpus", ""): run for run in store.runs()}.values())
