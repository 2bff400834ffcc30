"""Running flows from a terminal, and what is printed when they end."""

import contextlib
import importlib
from datetime import datetime
from typing import Any

from prefect import flow_engine

from flows.cli import inspect_store, prefect_server
from flows.graph import Choice
from flows.pipeline import pipeline
from flows.promotion import ended_with
from flows.recipe import Recipe
from flows.text_table import table
from tasks.store import Artifact, Store


def prepare() -> None:
    """Have Prefect leave signals and the end of its temporary server to the command."""
    prefect_server.prepare()
    flow_engine.capture_sigterm = contextlib.nullcontext  # type: ignore[attr-defined, assignment]


def run_pipeline(recipe: Recipe, choice: Choice) -> list[Artifact]:
    """The pipeline as a Prefect flow, on the profile's server or an ephemeral one. Raises StageFailure."""
    prepare()
    artifacts: list[Artifact] = pipeline(recipe, choice.from_stage, choice.only, choice.force)
    return artifacts


def run_stage(name: str, recipe: Recipe, key: str, *, force: bool) -> list[Artifact]:
    """One stage's own flow, on an artifact of the store. Raises StageFailure."""
    prepare()
    flow: Any = getattr(importlib.import_module(f"flows.{name}"), name)
    settings = recipe.clean.extract_settings() if name == "extract" else getattr(recipe, name)
    artifact: Artifact = flow(settings, force=force) if name == "crawl" else flow(settings, key, force=force)
    return [artifact]


def ended(artifacts: list[Artifact], started: float) -> str:
    """What a run gave: each stage cached or built since `started` (seconds since the epoch), report and scores."""
    store = Store.current()
    rows = [("STAGE", "KEY", "STATE", "SECONDS")]
    for artifact in artifacts:
        manifest = store.manifest(artifact.stage, artifact.key)
        if manifest is not None and datetime.fromisoformat(manifest.finished).timestamp() >= started:
            rows.append((artifact.stage, artifact.key, "built", f"{manifest.seconds:.1f}"))
        else:
            rows.append((artifact.stage, artifact.key, "cached", ""))
    return "\n".join([table(rows), *(of_evaluation(artifacts[-1]) if artifacts[-1].stage == "evaluate" else [])])


def of_evaluation(artifact: Artifact) -> list[str]:
    """Where the report is, what the gate said, and the scores."""
    best = ended_with(Store.current(), artifact.key)
    summary = (artifact.folder_with("summary.md") / "summary.md").read_text(encoding="utf-8")
    report = artifact.folder_with("report.html") / "report.html"
    return [f"report: {report}", *([best] if best else []), "", inspect_store.without_pictures(summary)]
