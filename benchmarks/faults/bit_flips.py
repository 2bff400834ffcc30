"""Flips of one bit in every file of a store: named by `verify`, noticed before use, and no command ends badly.

Sizes and times stay as they are, as they do when a disk rots.
"""

import contextlib
import functools
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.chain import build_digests, find_faults, link_tree, run_child
from flows.graph import STAGES
from flows.recipe import Recipe

COMMANDS = (["ls"], ["verify", "--full"], ["gc", "--dry-run"], ["leaderboard"], ["show", "pretrain"])


class Flip(NamedTuple):
    """One flipped bit and what went wrong."""

    path: str
    faults: tuple[str, ...]


def list_store_files(store: Path) -> list[Path]:
    """List the files of a store that hold something, relative to it; the files of locks are empty."""
    return sorted(path.relative_to(store) for path in store.rglob("*") if path.is_file() and path.stat().st_size)


def flip_bit(path: Path, random_: random.Random) -> None:
    """Flip one bit of a file, of which other links keep the old content, and keep its size and times."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    position = random_.randrange(len(content))
    content[position] ^= 1 << random_.randrange(8)
    path.unlink()  # a hard link: the file that it is linked from stays as it is
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def run_command(store: Path, words: list[str]) -> dict[str, str]:
    """Run a textmill command in this process and return what it printed and its exit code."""
    from flows.cli.command_line import run_command_line

    os.environ["TEXTMILL_STORE"] = str(store)
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            code = run_command_line(words)
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 1
    return {"output": output.getvalue(), "exit": str(code or 0)}


def run_commands(store: Path) -> dict[str, str]:
    """Run every command that reads a store; an exception ends the child and is seen by its parent."""
    results = {" ".join(words): run_command(store, words) for words in COMMANDS}
    return {name: result["exit"] + result["output"] for name, result in results.items()}


def check_flip(recipe: Recipe, complete: Path, work: Path, path: Path, seed: str, expected: dict[str, str]) -> Flip:
    """Flip a bit in a copy of a store; check that `verify` names the file and that a run ends with the right bytes."""
    link_tree(complete, work)
    flip_bit(work / path, random.Random(seed))
    commands = run_child(functools.partial(run_commands, work))
    faults = []
    if not commands.ended_well:
        faults.append(f"a command: {commands.failure or commands.traceback}")
    elif str(path) not in commands.digests["verify --full"] or commands.digests["verify --full"].startswith("0"):
        faults.append("not noticed by verify --full")
    stage = path.parts[0]
    if stage in STAGES:
        faults += check_use(recipe, work, stage, expected)
    return Flip(str(path), tuple(faults))


def check_flips_together(
    recipe: Recipe, complete: Path, work: Path, paths: list[Path], seed: str, expected: dict[str, str]
) -> list[Flip]:
    """Flip a bit in each of several files of artifacts at once; check what is named, and that a run mends all."""
    link_tree(complete, work)
    for path in paths:
        flip_bit(work / path, random.Random(f"{seed} {path}"))
    commands = run_child(functools.partial(run_commands, work))
    printed = commands.digests.get("verify --full", "")
    unnoticed = [path for path in paths if str(path) not in printed]
    flips = [Flip(str(path), ("not noticed by verify --full",) if path in unnoticed else ()) for path in paths]
    faults = [] if commands.ended_well else [f"a command: {commands.failure or commands.traceback}"]
    faults += find_faults(run_child(functools.partial(build_digests, recipe, work, list(STAGES)[-1])), expected)
    return [*flips, *([Flip(f"all {len(paths)} together", tuple(faults))] if faults else [])]


def check_use(recipe: Recipe, work: Path, stage: str, expected: dict[str, str]) -> Iterator[str]:
    """Build the stage after the damaged one again; what comes out must be what undamaged input gives."""
    names = list(STAGES)
    following = names[min(names.index(stage) + 1, len(names) - 1)]
    rebuilt = run_child(functools.partial(build_digests, recipe, work, following, (following,)))
    yield from find_faults(rebuilt, expected)
