"""The models that a user names for use: an artifact, a folder, or none, which means the best one."""

from pathlib import Path
from typing import NamedTuple

from flows.cli.inspect_store import find_manifest
from tasks.errors import StageFailure
from tasks.store import Store

MODEL_STAGES = ("pretrain", "finetune")


class NamedModel(NamedTuple):
    """A model's folder, and what it is called."""

    title: str
    folder: Path


def find_model(store: Store, key: str) -> NamedModel:
    """Return the model with a key, its first digits, or of a stage; or that of a folder. Raises StageFailure."""
    path = Path(key).expanduser()
    if path.is_dir() and (path / "config.json").is_file():
        return NamedModel(path.name, path.absolute())
    if path.is_dir():
        raise StageFailure(f"the folder {path} holds no config.json", "Give a model's folder, or a key of the store")
    manifest = find_manifest(store, key)
    if manifest.stage not in MODEL_STAGES:
        raise StageFailure(
            f"{manifest.stage} {manifest.key} is no model",
            "Give the key of a pretrain or finetune artifact: textmill ls",
        )
    return NamedModel(f"{manifest.stage} {manifest.key}", store.artifact(manifest).folder)


def find_best_model(store: Store) -> NamedModel:
    """Return the best model of the corpus that was evaluated last, else the newest. Raises StageFailure."""
    by_time = sorted(store.best_models(), key=lambda best: find_evaluation_time(store, best.evaluation.key))
    for best in by_time[::-1]:
        manifest = store.manifest(best.model.stage, best.model.key)
        if manifest is not None:
            return NamedModel(f"{manifest.stage} {manifest.key}, the best", store.artifact(manifest).folder)
    artifact = store.find("pretrain")
    return NamedModel(f"pretrain {artifact.key}, the newest", artifact.folder)


def find_evaluation_time(store: Store, key: str) -> str:
    """Return when an evaluation was built, as text that sorts; empty, which sorts first, for one that is gone."""
    manifest = store.manifest("evaluate", key)
    return manifest.finished if manifest else ""
