"""The chain of stages without Prefect, in child processes that a fault may end."""

import contextlib
import io
import json
import logging
import multiprocessing
import os
import shutil
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from flows.graph import STAGES, walk_stages
from flows.growing_corpus import PreviousArtifacts
from flows.recipe import Recipe
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import BestModel
from tests.flows import tiny

MAX_CHILD_SECONDS = 600.0
PROCESS_LOCK = threading.Lock()
"""multiprocessing asks all children for their exit codes as it starts one: two threads that ask at once may get 255"""


class ChildResult(NamedTuple):
    """How a child process ended: the digests of the artifacts, or the error, or the signal."""

    digests: dict[str, str]
    failure: str
    """the message of a StageFailure; empty when there was none"""
    traceback: str
    """any other error and its place in the code, which no user should see"""
    exit_code: int
    """negative: the number of the signal that ended the child"""

    @property
    def ended_well(self) -> bool:
        """Tell whether the stages were built."""
        return bool(self.digests) and not self.failure and not self.traceback and self.exit_code == 0


def make_recipe(site: Path) -> Recipe:
    """Make a recipe of every stage over the files of a site, as small as may be."""
    return tiny.recipe(tiny.add_kept_model(tiny.settings_from(site)))


def run_trainer_here(job: dict[str, Any], _num_steps: int, _should_prune: object = None) -> dict[str, Any]:
    """Run the trainer in this process, so that faults reach its files too. Stands in for `run_trainer`."""
    from tasks.pretrain.__main__ import run_job
    from tasks.pretrain.watchdog import StopRequest

    with contextlib.redirect_stdout(io.StringIO()) as output:
        run_job(job, StopRequest())
    messages = [json.loads(line) for line in output.getvalue().splitlines() if line.startswith("{")]
    return next(dict(message["done"]) for message in messages if "done" in message)


def run_chain(recipe: Recipe, store: Path | str, last: str, force: tuple[str, ...] = ()) -> dict[str, Artifact]:
    """Get or build the stages up to and including `last`, as a pipeline does, without Prefect."""
    os.environ["TEXTMILL_STORE"] = str(store)
    artifacts: dict[str, Artifact] = {}
    names = list(STAGES)

    def step(stage: Any, settings: Any, *inputs: Artifact) -> Artifact | None:
        if names.index(stage.name) > names.index(last):
            return None
        artifacts[stage.name] = stage.get_or_build(settings, inputs, force=stage.name in force).artifact
        return artifacts[stage.name]

    walk_stages(recipe, step, PreviousArtifacts(), lambda tokens: tokens is None)
    return artifacts


def run_as_child(
    connection: Connection, prepare: Callable[[], None] | None, call: Callable[[], dict[str, str]]
) -> None:
    """Call a function in this child process and send its result, or its error, to the parent."""
    import torch

    import tasks.pretrain.task

    torch.set_num_threads(1)
    os.environ |= {"TEXTMILL_WORKERS": "1", "TEXTMILL_CHECKPOINT_SECONDS": "0.05"}
    setattr(tasks.pretrain.task, "run_trainer", run_trainer_here)  # noqa: B010 - so says mypy
    logging.disable(logging.ERROR)
    try:
        if prepare is not None:
            prepare()
        connection.send((call(), "", ""))
    except StageFailure as error:
        connection.send(({}, f"{error}", ""))
    except Exception as error:  # noqa: BLE001 - it is what the benchmark counts
        frame = traceback.extract_tb(error.__traceback__)[-1]
        connection.send(({}, "", f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"))


def start_child(
    call: Callable[[], dict[str, str]], prepare: Callable[[], None] | None
) -> tuple[BaseProcess, Connection]:
    """Start a child that has imported everything and run nothing. The functions must be picklable."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.faults.preload"])
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=run_as_child, args=(sending, prepare, call))
    with PROCESS_LOCK:
        process.start()
    sending.close()
    return process, receiving


def wait_for_child(process: BaseProcess, receiving: Connection) -> ChildResult:
    """Wait for a child's end; one that does not end is killed and counted as a hang."""
    outcome: tuple[dict[str, str], str, str] = ({}, "", "")
    hung = not receiving.poll(MAX_CHILD_SECONDS)
    if hung:
        process.kill()
    else:
        with contextlib.suppress(EOFError):  # killed before it could send
            outcome = receiving.recv()
    with PROCESS_LOCK:
        process.join()
    digests, failure, error = outcome
    return ChildResult(digests, failure, error or ("hangs" if hung else ""), process.exitcode or 0)


def run_child(call: Callable[[], dict[str, str]], prepare: Callable[[], None] | None = None) -> ChildResult:
    """Call a function in a child process and wait for it. `prepare` runs in the child before."""
    return wait_for_child(*start_child(call, prepare))


def build_digests(recipe: Recipe, store: Path | str, last: str, force: tuple[str, ...] = ()) -> dict[str, str]:
    """Run the chain and return each stage's digest."""
    return {name: artifact.digest for name, artifact in run_chain(recipe, store, last, force).items()}


def find_faults(result: ChildResult, expected: dict[str, str]) -> list[str]:
    """List how a run differs from one that nothing disturbed."""
    if not result.ended_well:
        return [result.failure or result.traceback or f"ended with exit code {result.exit_code}"]
    return [
        f"{stage}: other bytes than without a fault"
        for stage, digest in result.digests.items()
        if digest != expected[stage]
    ]


def build_complete_store(recipe: Recipe, store: Path) -> dict[str, str]:
    """Build every stage, record the run and its best model as a pipeline does, and return each stage's digest."""
    artifacts = run_chain(recipe, store, "evaluate")
    opened = Store(store)
    opened.record_run(recipe.model_dump(mode="json"), list(artifacts.values()))
    opened.set_best(BestModel(corpus="", model=artifacts["pretrain"].ref, evaluation=artifacts["evaluate"].ref))
    return {name: artifact.digest for name, artifact in artifacts.items()}


def link_tree(source: Path, target: Path) -> None:
    """Copy a store by hard links: no file of an artifact is ever written again in place.

    Files of locks are left out: two stores that share one would wait for each other.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=os.link, ignore=shutil.ignore_patterns(".locks"))


def find_store_problems(store: Path) -> list[str]:
    """List everything wrong with a store's artifacts, each file read whole."""
    opened = Store(store)
    return [problem for manifest in opened.manifests() for problem in opened.find_problems(manifest, full=True)]


def remove_leftovers(store: Path) -> None:
    """Remove what interrupted runs left and the store knows of, as `textmill gc` does."""
    opened = Store(store)
    for leftover in list(opened.find_leftovers()):
        opened.remove(leftover)


def list_leftovers(store: Path) -> list[str]:
    """List working files in published artifacts, drafts and replaced folders that are still there."""
    paths = [path.relative_to(store) for path in store.rglob("*")]
    hidden = [path for path in paths if path.parts[0] != ".locks" and any(part[0] == "." for part in path.parts)]
    return sorted(str(path) for path in hidden if not any(parent in hidden for parent in path.parents))
