"""Artifacts of previous snapshots that became corrupt: what of them can be built again, and what cannot.

A stage's build is repeatable, so its artifact can be built again from the settings and inputs that its manifest, or the
record of its run, names. A crawl of the web cannot: the pages of a past day are gone.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError

from flows.graph import STAGES, walk_stages
from flows.growing_corpus import PreviousArtifacts, find_snapshot, list_complete_runs
from flows.recipe import Recipe
from tasks.block import Block
from tasks.clean.settings import Clean, Extract
from tasks.crawl.settings import Crawl
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import ArtifactRef, Manifest, RunRecord
from tasks.tokenize.settings import Tokenize

log = logging.getLogger("textmill.pipeline")

SETTINGS: dict[str, type[Block]] = {
    "crawl": Crawl,
    "extract": Extract,
    "clean": Clean,
    "dedup": Dedup,
    "tokenize": Tokenize,
}
"""The stages that a snapshot adds to → the class of their settings"""
CHOICES = (
    "Restore the file from a backup, which makes it count as built again, or begin another corpus with "
    "--set corpus=NAME, for which everything is crawled anew"
)


class LostArtifact(StageFailure):
    """An artifact of a previous snapshot is corrupt, and cannot be built again."""

    ref: ArtifactRef


def make_lost_artifact(ref: ArtifactRef, problem: str, reason: str) -> LostArtifact:
    """Return the error about an artifact that is corrupt, and why it cannot be built again."""
    error = LostArtifact(
        f"the corpus needs {ref.stage} {ref.key} of a previous snapshot: {problem}. It cannot be built again: {reason}",
        CHOICES,
    )
    error.ref = ref
    return error


class Build(NamedTuple):
    """The settings and inputs that an artifact was built with."""

    settings: Block
    inputs: tuple[ArtifactRef, ...]


class Repair(NamedTuple):
    """An artifact that is to be built again, what is wrong with it, and what it is built from."""

    ref: ArtifactRef
    problem: str
    build: Build


def list_needed_refs(previous: PreviousArtifacts[ArtifactRef]) -> list[ArtifactRef]:
    """List what a run reads of previous snapshots: of their crawls only the last."""
    return [*previous.pages[-1:], *previous.unique, *previous.tokens]


def plan_repairs(refs: Iterable[ArtifactRef], store: Store) -> list[Repair]:
    """List what must be built again for these artifacts to be valid, inputs first.

    Raises LostArtifact for one that is corrupt and cannot be built again.
    """
    repairs: dict[str, Repair] = {}

    def add_repairs(ref: ArtifactRef) -> None:
        manifest = store.manifest(ref.stage, ref.key)
        problem = find_problem(ref, manifest, store)
        if problem and ref.key not in repairs:
            build = find_build(ref, manifest, store)
            reason = explain_impossible_build(ref, build)
            if build is None or reason:
                raise make_lost_artifact(ref, problem, reason)
            for source in build.inputs:
                add_repairs(source)
            repairs[ref.key] = Repair(ref, problem, build)

    for ref in refs:
        add_repairs(ref)
    return list(repairs.values())


def find_problem(ref: ArtifactRef, manifest: Manifest | None, store: Store) -> str:
    """Say what is wrong with an artifact; empty when nothing is."""
    if manifest is not None:
        return "; ".join(store.find_problems(manifest))
    return f"{store.address}/{ref.stage}/{ref.key} has no manifest that can be read"


def find_build(ref: ArtifactRef, manifest: Manifest | None, store: Store) -> Build | None:
    """Find what an artifact was built with, in its manifest or the record of a run; None where nothing says it."""
    if manifest is not None:
        with contextlib.suppress(ValidationError):  # of an earlier version
            return Build(SETTINGS[ref.stage].model_validate(manifest.settings), manifest.inputs)
    for run in store.runs():
        if any((artifact.stage, artifact.key) == (ref.stage, ref.key) for artifact in run.artifacts):
            build = replay_run(run, store).get(ref.stage)
            if build is not None and not explain_impossible_key(ref, build):
                return build
    return None


def replay_run(run: RunRecord, store: Store) -> dict[str, Build]:
    """Return what each stage of a run was given: stage → build."""
    try:
        recipe = Recipe.model_validate(run.recipe)
    except ValidationError:  # of an earlier version
        return {}
    snapshots: dict[str, RunRecord] = {}  # those before the run's own; the newest run of each
    for previous in list_complete_runs(recipe.corpus, store):
        if find_snapshot(previous) == find_snapshot(run):
            break
        snapshots[find_snapshot(previous)] = previous

    def list_refs(stage: str) -> tuple[ArtifactRef, ...]:
        return tuple(ref for previous in snapshots.values() for ref in previous.artifacts if ref.stage == stage)

    results = {ref.stage: ref for ref in run.artifacts}
    builds: dict[str, Build] = {}

    def note_build(stage: Any, settings: Block, *inputs: ArtifactRef | None) -> ArtifactRef | None:
        known = tuple(ref for ref in inputs if ref is not None)
        if len(known) == len(inputs) and stage.name in SETTINGS:
            builds[stage.name] = Build(settings, known)
        return results.get(stage.name)

    previous_refs: PreviousArtifacts[ArtifactRef | None] = PreviousArtifacts(
        list_refs("crawl"), list_refs("dedup"), list_refs("tokenize")
    )
    walk_stages(recipe, note_build, previous_refs, lambda _: False)
    return builds


def explain_impossible_build(ref: ArtifactRef, build: Build | None) -> str:
    """Say why an artifact cannot be built again; empty when it can."""
    if build is None:
        return "nothing that this version can read says with which settings it was built"
    if isinstance(build.settings, Crawl) and build.settings.source.kind == "web":
        return f"pages of the web cannot be fetched again as they were in the snapshot {build.settings.snapshot}"
    return explain_impossible_key(ref, build)


def explain_impossible_key(ref: ArtifactRef, build: Build) -> str:
    """Say why a build would not give an artifact of the same key; empty when it would."""
    try:
        key = STAGES[ref.stage].build_spec_from(build.settings, build.inputs).expected_key
    except StageFailure as error:  # such as a folder that is gone
        return error.what
    return "" if key == ref.key else "the files behind it, or the version of its stage, are others now"


def repair_previous(refs: Iterable[ArtifactRef], store: Store, may_build: Callable[[str], bool]) -> None:
    """Build again what is corrupt of previous snapshots. Raises StageFailure.

    `may_build` tells which stages may be built in this run.
    """
    for repair in plan_repairs(refs, store):
        ref, name = repair.ref, f"{repair.ref.stage} {repair.ref.key}"
        if not may_build(ref.stage):
            raise StageFailure(
                f"the corpus needs {name} of a previous snapshot: {repair.problem}",
                f"Run {ref.stage} too: it builds the artifact again",
            )
        log.warning("%s of a previous snapshot is built again: %s", name, repair.problem)
        inputs = [take_artifact(source, store) for source in repair.build.inputs]
        artifact = STAGES[ref.stage](repair.build.settings, *inputs)
        if artifact.digest != ref.digest:
            raise StageFailure(f"{name} of a previous snapshot was built again, and has other bytes now", CHOICES)


def take_artifact(ref: ArtifactRef, store: Store) -> Artifact:
    """Return an artifact that `plan_repairs` found valid, or that was built again. Raises StageFailure."""
    artifact = store.get_valid(ref.stage, ref.key)
    if artifact is None:
        raise StageFailure(f"{ref.stage} {ref.key} is corrupt", "Start the same command again")
    return artifact
