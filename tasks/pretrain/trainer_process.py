"""The trainer seen from its parent: start it, show how far it is, end it with us, and say clearly how it ended."""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure, Transient
from tasks.runtime.progress import progress

log = logging.getLogger("textmill.pretrain")

ROOT = Path(__file__).parents[2]
STOPPED = 75
GRACE_SECONDS = 60.0
LINES_SHOWN = 12

Judge = Callable[[float, float], bool]
"""gets the share of the run that is done and the validation loss there; whether to end the run"""


class Hopeless(Exception):
    """The judge ended the run."""


def run_trainer(job: dict[str, Any], steps: int, judge: Judge | None = None) -> dict[str, Any]:
    """Run a job to its end and return its counts.

    Raises StageFailure, Transient when going on may help, and Hopeless when `judge` ends it.
    """
    scratch = Path(job["scratch"])
    path, errors = scratch / "job.json", scratch / "trainer.log"
    path.write_text(json.dumps(job))
    try:
        with errors.open("wb") as stderr, _started(path, stderr.fileno()) as process:
            told = _followed(process, steps, judge)
            code = process.wait()
    except BaseException as error:
        if not isinstance(error, Exception) and (step := _newest_checkpoint(scratch)):
            error.add_note(f"the checkpoint of step {step:,} is kept")
        raise
    if "done" in told:
        return dict(told["done"])
    if "failure" in told:
        raise StageFailure(told["failure"]["what"], told["failure"]["mend"])
    raise _ended(code, told, errors.read_text(errors="replace"))


@contextlib.contextmanager
def _started(job: Path, stderr: int) -> Iterator[subprocess.Popen[str]]:
    """The process, in a group of its own; it is stopped when the block is left before its end."""
    environment = {
        # threads that wait by spinning take the core from whoever else has work: on two busy cores the training itself
        # is 2.5 times slower so (measured)
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *_paths()]),
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = subprocess.Popen(  # noqa: S603 - this very interpreter, on a file we wrote
        # -P: a folder called `tasks` in the working directory is not ours
        [sys.executable, "-P", "-m", "tasks.pretrain", str(job), "--attached"],
        stdin=subprocess.PIPE,  # held open while we live: its end tells the trainer that we do not
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # it writes a checkpoint first
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _newest_checkpoint(scratch: Path) -> int:
    """The step of the newest checkpoint; 0 without any."""
    names = (path.name for path in (scratch / "checkpoints").glob("*"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _followed(process: subprocess.Popen[str], steps: int, judge: Judge | None = None) -> dict[str, Any]:
    """Show the trainer's lines until it ends; the last words of each kind."""
    assert process.stdout is not None
    told: dict[str, Any] = {}
    with progress(steps, "pretrain", "steps") as bar:
        for text in process.stdout:
            try:
                words = json.loads(text)
            except ValueError:
                log.info("%s", text.rstrip())  # a library that prints
                continue
            told |= words
            if "note" in words:
                log.info("%s", words["note"])
            elif "loss" in words:
                bar.set_postfix(_state(told))
                bar.update(words["step"] - bar.done)
                if judge and "validation_loss" in words and judge(words["step"] / steps, words["validation_loss"]):
                    raise Hopeless
    return told


def _state(told: dict[str, Any]) -> str:
    judged = f", validation {told['validation_loss']:.3f}" if "validation_loss" in told else ""
    return f"loss {told['loss']:.3f}{judged}, {told['rate']:,.0f} tokens/s, MFU {told['mfu']:.1%}"


def _ended(code: int, told: dict[str, Any], errors: str) -> StageFailure:
    """The failure that an exit code and the last words mean."""
    step = f"step {told['step']}" if "step" in told else "its first step"
    last = "\n".join(errors.strip().splitlines()[-LINES_SHOWN:])
    if code == STOPPED or "stopped" in told:  # torchrun has an exit code of its own
        return Transient(
            f"training was stopped at {step} by {told['stopped']}", "Start it again: it goes on from there"
        )
    if "Timeout (" in errors:  # before all else: who writes the stacks of threads that run may stumble over one
        return StageFailure(
            f"training stalled after {step}: no step within TEXTMILL_STALL_SECONDS. Where it stood:\n{last}",
            "Start it again: it goes on from its last checkpoint; or allow more seconds",
        )
    # torchrun lists how each rank ended; those that it stopped itself got SIGTERM
    killed = set(map(int, re.findall(r"exitcode\s*: (-\d+)", errors))) - {-signal.SIGTERM}
    code = min(killed, default=code)
    if code < 0:
        name = signal.Signals(-code).name
        memory = " (the system ends processes so when memory is short)" if name == "SIGKILL" else ""
        return Transient(
            f"training was ended at {step} by {name}{memory}",
            "It goes on from its last checkpoint; if it ends so again, raise pretrain.batch.accumulation",
        )
    return StageFailure(f"the trainer ended with exit code {code} at {step}:\n{last}", "See trainer.log in the draft")
