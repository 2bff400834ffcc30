"""Runs flows from a terminal, and formats what they built."""

import importlib
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.cli import prefect_server
from flows.graph import StageSelection
from flows.pipeline import pipeline
from flows.prefect_internals import leave_signals_alone, use_temporary_server
from flows.promotion import describe_gate_result
from flows.recipe import Recipe
from flows.text_table import format_table
from tasks.store import Artifact, Store
from tasks.store.incomplete import list_incomplete

INCOMPLETE_EXIT_CODE = 3


def prepare_prefect() -> None:
    """Make Prefect leave signals, and the end of its temporary server, to the command."""
    use_temporary_server(Path(prefect_server.__file__))
    leave_signals_alone()


def run_pipeline(recipe: Recipe, selection: StageSelection) -> list[Artifact]:
    """Run the pipeline as a Prefect flow, on the profile's server or a temporary one. Raises StageFailure."""
    prepare_prefect()
    artifacts: list[Artifact] = pipeline(recipe, selection.from_stage, selection.only, selection.force)
    return artifacts


def run_stage(name: str, recipe: Recipe, key: str, *, force: bool) -> list[Artifact]:
    """Run one stage's own flow, on an artifact of the store. Raises StageFailure."""
    prepare_prefect()
    flow: Any = getattr(importlib.import_module(f"flows.{name}"), name)
    settings = recipe.clean.extract_settings() if name == "extract" else getattr(recipe, name)
    artifact: Artifact = flow(settings, force=force) if name == "crawl" else flow(settings, key, force=force)
    return [artifact]


def finish_run(artifacts: list[Artifact], started: float) -> int:
    """Print what a run built and what is missing in it; return the exit code."""
    print(format_run_summary(artifacts, started))
    store = Store.current()
    manifests = [store.manifest(artifact.stage, artifact.key) for artifact in artifacts]
    incomplete = list_incomplete(manifest for manifest in manifests if manifest)
    if not incomplete:
        return 0
    print("\n".join(["", *incomplete, "The next run with the same settings asks again for what is missing."]))
    return INCOMPLETE_EXIT_CODE


def format_run_summary(artifacts: list[Artifact], started: float) -> str:
    """Return a table of the stages, cached or built since `started` (seconds since the epoch), report and scores."""
    store = Store.current()
    rows = [("STAGE", "KEY", "STATE", "SECONDS")]
    for artifact in artifacts:
        manifest = store.manifest(artifact.stage, artifact.key)
        if manifest is not None and datetime.fromisoformat(manifest.finished).timestamp() >= started:
            state = "incomplete" if manifest.incomplete else "built"
            rows.append((artifact.stage, artifact.key, state, f"{manifest.seconds:.1f}"))
        else:
            rows.append((artifact.stage, artifact.key, "cached", ""))
    last = artifacts[-1]
    return "\n".join([format_table(rows), *(format_evaluation(last) if last.stage == "evaluate" else [])])


def format_evaluation(artifact: Artifact) -> list[str]:
    """Return the path of the report, the gate's line, and the scores."""
    gate_line = describe_gate_result(Store.current(), artifact.key)
    summary = (artifact.folder_with("summary.md") / "summary.md").read_text(encoding="utf-8")
    report = artifact.folder_with("report.html") / "report.html"
    return [f"report: {report}", *([gate_line] if gate_line else []), "", remove_images(summary)]


def remove_images(markdown: str) -> str:
    """Return a summary as a terminal can show it."""
    return "\n".join(line for line in markdown.splitlines() if not line.startswith("![")).strip()
