"""Systematic kills: a process ends just before each call that makes, syncs, renames or removes something in the store.

What a kill can leave on a disk changes only at these calls (the contents of files apart, which no later run trusts
before they are renamed), so killing at each of them meets every state that a `kill -9` can leave.
"""

import functools
import os
import shutil
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults.chain import (
    build_digests,
    find_faults,
    find_store_problems,
    link_tree,
    list_leftovers,
    remove_leftovers,
    run_child,
)
from flows.graph import STAGES
from flows.recipe import Recipe

CALLS = ("fsync", "rename", "replace", "unlink", "remove", "mkdir", "rmdir", "link")


class CrashPoint(NamedTuple):
    """A call at which the process is killed, and what came of it."""

    stage: str
    number: int
    faults: tuple[str, ...]


class CallCounter:
    """Counts the calls that change what is in a folder, and kills this process at one of them."""

    def __init__(self, folder: Path, kill_at: int) -> None:
        self.folder, self.kill_at = folder, kill_at
        self.count = 0
        for name in CALLS:
            setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(target: Any, *args: Any, **named: Any) -> Any:
            if self._is_inside(target, named.get("dir_fd")):
                self.count += 1
                if self.count == self.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return function(target, *args, **named)

        return call

    def _is_inside(self, target: Any, folder_handle: int | None) -> bool:
        handle = target if isinstance(target, int) else folder_handle
        path = Path(f"/proc/self/fd/{handle}").readlink() if handle is not None else Path(target).absolute()
        return path.is_relative_to(self.folder)


def kill_at(folder: Path, number: int) -> None:
    """Prepare a child so that it dies at a call; 0 counts only."""
    global counter  # noqa: PLW0603 - one a process, read when the child is done
    counter = CallCounter(folder, number)


counter: CallCounter | None = None


def count_calls(recipe: Recipe, store: Path, last: str) -> dict[str, str]:
    """Build, and return the number of calls as text beside the digests."""
    digests = build_digests(recipe, store, last)
    assert counter is not None
    return digests | {"calls": str(counter.count)}


def list_crash_points(recipe: Recipe, complete: Path, work: Path, stages: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield each stage with the number of each of its calls. `complete` is a store in which all stages are built."""
    for stage in stages:
        prepare_store(complete, work, stage)
        result = run_child(functools.partial(count_calls, recipe, work, stage), functools.partial(kill_at, work, 0))
        assert result.ended_well, result
        yield from ((stage, number) for number in range(1, int(result.digests["calls"]) + 1))


def prepare_store(complete: Path, work: Path, stage: str) -> None:
    """Make a store in which the stages before this one are built."""
    link_tree(complete, work)
    remove_stages(work, stage)


def remove_stages(store: Path, first: str) -> None:
    """Remove the artifacts of a stage and of all later ones."""
    names = list(STAGES)
    for stage in names[names.index(first) :]:
        shutil.rmtree(store / stage)


def crash_and_resume(
    recipe: Recipe, complete: Path, work: Path, stage: str, number: int, expected: dict[str, str]
) -> CrashPoint | None:
    """Kill a child at one call, let another go on, and list what went wrong; None when the call was not reached."""
    prepare_store(complete, work, stage)
    build = functools.partial(build_digests, recipe, work, stage)
    killed = run_child(build, functools.partial(kill_at, work, number))
    if killed.exit_code != -signal.SIGKILL:
        return None
    faults = [f"after the kill: {problem}" for problem in find_store_problems(work)]
    resumed = run_child(build)
    faults += find_faults(resumed, expected) + [f"in the end: {problem}" for problem in find_store_problems(work)]
    remove_leftovers(work)
    faults += [f"left behind, and unknown to gc: {path}" for path in list_leftovers(work)]
    return CrashPoint(stage, number, tuple(faults))
