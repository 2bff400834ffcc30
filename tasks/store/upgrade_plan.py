"""The plan of a store's upgrade from format 1: which manifests and records change, and how."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from pydantic import BaseModel

from tasks.store.checksum import format_record, parse_record
from tasks.store.local import FORMAT_MARKER, LocalBackend
from tasks.store.manifest import STORE_FORMAT, ArtifactRef, BestModel, Manifest, RunRecord
from tasks.store.s3 import S3Backend
from tasks.store.store_format import parse_format

DEMO_RECIPE = "demo.yaml"  # the demo writes it beside the artifacts
ArtifactId = tuple[str, str]
"""Stage and key"""


@dataclass(frozen=True)
class NameTranslation:
    """The functions that translate an old store's contents; all but the last can be applied twice without harm."""

    rename_settings: Callable[[str, dict[str, Any]], dict[str, Any]]
    """stage and its settings, or what `semantic()` gave of them → the same with new names"""
    rename_recipe: Callable[[dict[str, Any]], dict[str, Any]]
    rename_recipe_file: Callable[[bytes], bytes]
    update_fingerprint: Callable[[str, str], str]
    """stage and recorded fingerprint → the fingerprint of the present code, if its behaviour is the same"""


@dataclass(frozen=True)
class Move:
    """An artifact that gets a new manifest, and maybe a new key."""

    old_key: str
    old_data: bytes
    manifest: Manifest

    @property
    def is_moved(self) -> bool:
        """Tell whether the key changes."""
        return self.old_key != self.manifest.key

    def __str__(self) -> str:
        """Return a line for the user."""
        stage, key = self.manifest.stage, self.manifest.key
        return f"{stage} {self.old_key} → {key}" if self.is_moved else f"{stage} {key}: same key, new manifest"


@dataclass
class UpgradePlan:
    """All that an upgrade would change."""

    moves: dict[ArtifactId, Move] = field(default_factory=dict)
    """by old key, inputs last"""
    records: dict[str, bytes] = field(default_factory=dict)
    """name of a record → its new contents"""
    demo_recipe: bytes | None = None
    kept_as_is: list[str] = field(default_factory=list)
    """sentences on what cannot be upgraded"""
    is_marked: bool = True
    """the format marker is that of the new format already"""

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.moves or self.records or self.demo_recipe is not None) and self.is_marked

    def describe(self) -> Iterator[str]:
        """Yield a line for each change."""
        yield from map(str, self.moves.values())
        yield from (f"{name}: renamed settings and keys" for name in self.records)
        if self.demo_recipe is not None:
            yield f"{DEMO_RECIPE}: renamed settings"

    def count(self) -> str:
        """Return how much changes, for a message."""
        num_moved = sum(move.is_moved for move in self.moves.values())
        runs = sum(name.startswith("runs/") for name in self.records)
        return (
            f"{len(self.moves)} artifacts ({num_moved} of them got another key), {runs} runs and "
            f"{len(self.records) - runs} best models"
        )


def make_upgrade_plan(backend: LocalBackend | S3Backend, vocabulary: NameTranslation) -> UpgradePlan:
    """Find out what has to change. Raises StageFailure for a store of a newer format."""
    # refuses a newer one
    record = parse_format(backend.read(FORMAT_MARKER), backend.address)
    plan = UpgradePlan(is_marked=record == {"format": STORE_FORMAT})
    manifests = read_manifests(backend, plan)
    # keys depend on the digests of inputs, which stay the same, and not on their keys: all are known beforehand
    new_keys = {
        identity: rename_manifest(manifest, vocabulary).expected_key if manifest.format < STORE_FORMAT else manifest.key
        for identity, (manifest, _) in manifests.items()
    }
    graph = {
        identity: [(source.stage, source.key) for source in manifest.inputs]
        for identity, (manifest, _) in manifests.items()
    }
    # static_order gives inputs first; they are moved last, see upgrade.py
    for identity in reversed(list(TopologicalSorter(graph).static_order())):
        if identity not in manifests:
            continue  # an input that is no longer in the store
        manifest, data = manifests[identity]
        if manifest.format < STORE_FORMAT:
            inputs = tuple(follow_ref(source, new_keys) for source in manifest.inputs)
            # files and digest stay, so the keys of what was made of it change by its own settings alone
            renamed = rename_manifest(manifest, vocabulary).model_copy(
                update={"inputs": inputs, "key": new_keys[identity]}
            )
            plan.moves[identity] = Move(identity[1], data, renamed)
        elif manifest.key != identity[1]:  # the upgrade was killed between writing the manifest and the move
            plan.moves[identity] = Move(identity[1], data, manifest)
    plan_records(backend, vocabulary, plan, new_keys)
    return plan


def read_manifests(backend: LocalBackend | S3Backend, plan: UpgradePlan) -> dict[ArtifactId, tuple[Manifest, bytes]]:
    """Read the manifests that can be upgraded; note the others in the plan."""
    names = backend.manifests()
    manifests = {}
    for name, data in zip(names, backend.read_all(names), strict=True):
        if data is None:
            continue
        stage, key, _ = name.split("/")
        manifest = Manifest.read(data)
        if manifest is None:
            plan.kept_as_is.append(f"left as it is: {name} cannot be read, so it does not count as an artifact")
        elif manifest.format < STORE_FORMAT and (manifest.key, manifest.expected_key) != (key, key):
            plan.kept_as_is.append(f"left as it is: {name} does not have the key that follows from its settings")
        else:
            manifests[stage, key] = (manifest, data)
    return manifests


def rename_manifest(manifest: Manifest, vocabulary: NameTranslation) -> Manifest:
    """Return a manifest with new names, but with its old key and the old keys of its inputs."""
    stage = manifest.stage
    changes = {
        "settings": vocabulary.rename_settings(stage, manifest.settings),
        "semantic": vocabulary.rename_settings(stage, manifest.semantic),
        "fingerprint": vocabulary.update_fingerprint(stage, manifest.fingerprint),
        "format": STORE_FORMAT,
    }
    return manifest.model_copy(update=changes)


def plan_records(
    backend: LocalBackend | S3Backend,
    vocabulary: NameTranslation,
    plan: UpgradePlan,
    new_keys: Mapping[ArtifactId, str],
) -> None:
    """Add to the plan what changes beside manifests: records of runs, best models, and the demo's recipe."""
    names = [*backend.records("runs"), *backend.records("best")]
    for name, data in zip(names, backend.read_all(names), strict=True):
        if data is None:
            continue
        try:
            record, renamed = rename_record(vocabulary, name, data, new_keys)
        except ValueError:
            plan.kept_as_is.append(f"left as it is: {name} is corrupt; textmill gc removes it")
            continue
        if record != renamed:
            plan.records[name] = format_record(renamed)
    recipe = LocalBackend(backend.root).read(DEMO_RECIPE)
    if recipe is not None and (renamed_recipe := vocabulary.rename_recipe_file(recipe)) != recipe:
        plan.demo_recipe = renamed_recipe


def rename_record(
    vocabulary: NameTranslation, name: str, data: bytes, new_keys: Mapping[ArtifactId, str]
) -> tuple[BaseModel, BaseModel]:
    """Return a record of a run or a best model, and the same with new names and keys. Raises ValueError."""
    if name.startswith("runs/"):
        run = parse_record(RunRecord, data)
        artifacts = tuple(follow_ref(artifact, new_keys) for artifact in run.artifacts)
        recipe = vocabulary.rename_recipe(run.recipe)
        return run, run.model_copy(update={"recipe": recipe, "artifacts": artifacts})
    best = parse_record(BestModel, data)
    refs = {"model": follow_ref(best.model, new_keys), "evaluation": follow_ref(best.evaluation, new_keys)}
    worse = {new_keys.get(("evaluate", key), key): mark for key, mark in best.worse.items()}
    return best, best.model_copy(update=refs | {"worse": worse})


def follow_ref(ref: ArtifactRef, new_keys: Mapping[ArtifactId, str]) -> ArtifactRef:
    """Return a reference with the new key; as it is when its artifact is no longer in the store."""
    return ref.model_copy(update={"key": new_keys.get((ref.stage, ref.key), ref.key)})
