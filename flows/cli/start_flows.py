"""Runs flows from a terminal. Importing it loads Prefect with its server, which takes seconds."""

import importlib
from pathlib import Path
from typing import Any

from flows.cli import prefect_server
from flows.graph import StageSelection
from flows.pipeline import pipeline
from flows.prefect_internals import leave_signals_alone, use_temporary_server
from flows.recipe import Recipe
from flows.stage_inputs import find_kept_models, find_stage_inputs
from tasks.runtime.standard_input import detach_standard_input
from tasks.server_outage.clients import limit_outages
from tasks.store import Artifact, Store


def prepare_prefect() -> None:
    """Make Prefect leave signals, and the end of its temporary server, to the command; nothing may ask on stdin."""
    detach_standard_input()
    use_temporary_server(Path(prefect_server.__file__))
    leave_signals_alone()
    limit_outages()


def run_pipeline(recipe: Recipe, selection: StageSelection) -> list[Artifact]:
    """Run the pipeline as a Prefect flow, on the profile's server or a temporary one. Raises StageFailure."""
    prepare_prefect()
    return pipeline(recipe, from_stage=selection.from_stage, only=selection.only, force=selection.force)


def run_stage(name: str, recipe: Recipe, key: str, *, force: bool) -> list[Artifact]:
    """Run one stage's own flow, on an artifact of the store. Raises StageFailure."""
    prepare_prefect()
    flow: Any = getattr(importlib.import_module(f"flows.{name}"), name)
    settings = recipe.find_stage_settings(name)
    inputs = () if name == "crawl" else (key,)
    kept = {"kept": list_kept_keys(recipe, key)} if name == "evaluate" else {}
    result = flow(settings, *inputs, force=force, **kept)
    return result if isinstance(result, list) else [result]


def list_kept_keys(recipe: Recipe, key: str) -> list[str]:
    """List the keys of the models that finetune has kept of a recipe's tasks, for the checkpoint with a key."""
    store = Store.current()
    inputs = find_stage_inputs("evaluate", key, store)
    return [artifact.key for artifact in find_kept_models(recipe, inputs, store)]
