"""The trainer seen from its parent: start it, show its progress, end it with us, and explain how it ended."""

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
# The same number as in __main__.py, which imports torch.
EXIT_STOPPED = 75
GRACE_SECONDS = 60.0
MAX_ERROR_LINES = 12

PruneCallback = Callable[[float, float], bool]
"""gets the fraction of the run that is done and the validation loss there; returns whether to end the run"""


class Pruned(Exception):
    """The prune callback ended the run."""


def run_trainer(job: dict[str, Any], num_steps: int, should_prune: PruneCallback | None = None) -> dict[str, Any]:
    """Run a job to its end and return its counts.

    Raises StageFailure, Transient when resuming may help, and Pruned when `should_prune` ends it.
    """
    scratch = Path(job["scratch"])
    job_path, error_log = scratch / "job.json", scratch / "trainer.log"
    job_path.write_text(json.dumps(job))
    try:
        with error_log.open("wb") as stderr, _start_trainer(job_path, stderr.fileno()) as process:
            # what an earlier run did says nothing about the speed of this one
            messages = _follow_output(process, num_steps, _newest_checkpoint_step(scratch), should_prune)
            code = process.wait()
    except BaseException as error:
        # KeyboardInterrupt and SystemExit are no Exception: a person who stops a run reads what is kept.
        if not isinstance(error, Exception) and (step := _newest_checkpoint_step(scratch)):
            error.add_note(f"the checkpoint of step {step:,} is kept")
        raise
    # The messages first and the exit code last: a trainer that said "done" and then crashed in a library's clean-up is
    # done.
    if "done" in messages:
        return dict(messages["done"])
    if "failure" in messages:
        failure = Transient if messages["failure"].get("is_transient") else StageFailure
        raise failure(messages["failure"]["what"], messages["failure"]["hint"])
    raise _explain_exit(code, messages, error_log.read_text(errors="replace"))


@contextlib.contextmanager
def _start_trainer(job_path: Path, stderr: int) -> Iterator[subprocess.Popen[str]]:
    """Run the trainer in a process group of its own; it is stopped when the block is left before its end."""
    environment = {
        # threads that wait by spinning take the core from other processes: on two busy cores training itself becomes
        # 2.5 times slower (measured)
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *_python_paths()]),
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = subprocess.Popen(  # noqa: S603 - this very interpreter, on a file we wrote
        # -P: a folder called `tasks` in the working directory is not ours
        [sys.executable, "-P", "-m", "tasks.pretrain", str(job_path), "--attached"],
        # held open while we live: its end tells the trainer that we do not, even after a SIGKILL
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment,
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we then stop the trainer in order.
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


def _newest_checkpoint_step(scratch: Path) -> int:
    """Return the step of the newest checkpoint; 0 without any."""
    # the names of tasks.model.checkpoint, which is not imported here because it imports torch
    # Partial checkpoints have names that begin with a dot, so `isdigit` leaves them out.
    names = (path.name for path in (scratch / "checkpoints").glob("*"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def _python_paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _follow_output(
    process: subprocess.Popen[str], num_steps: int, first_step: int, should_prune: PruneCallback | None = None
) -> dict[str, Any]:
    """Show the trainer's progress until its output ends; return the last value of every key that it wrote."""
    assert process.stdout is not None
    messages: dict[str, Any] = {}
    with progress(num_steps, "pretrain", "steps", first_step) as bar:
        for line in process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                log.info("%s", line.rstrip())  # a library that prints
                continue
            # Keys are kept from line to line, so `_format_progress` shows the last validation loss between
            # validations.
            messages |= message
            if "note" in message:
                log.info("%s", message["note"])
            elif "loss" in message:
                bar.set_postfix(_format_progress(messages))
                bar.update(message["step"] - bar.done)
                is_validated = "validation_loss" in message
                if (
                    should_prune
                    and is_validated
                    and should_prune(message["step"] / num_steps, message["validation_loss"])
                ):
                    raise Pruned
    return messages


def _format_progress(messages: dict[str, Any]) -> str:
    validation = f", validation {messages['validation_loss']:.3f}" if "validation_loss" in messages else ""
    speed = f"{messages['rate']:,.0f} tokens/s, MFU {messages['mfu']:.1%}"
    return f"loss {messages['loss']:.3f}{validation}, {speed}"


def _explain_exit(code: int, messages: dict[str, Any], errors: str) -> StageFailure:
    """Return the failure that an exit code, the last messages and the trainer's standard error stand for."""
    step = f"step {messages['step']}" if "step" in messages else "its first step"
    last_lines = "\n".join(errors.strip().splitlines()[-MAX_ERROR_LINES:])
    if code == EXIT_STOPPED or "stopped" in messages:  # torchrun has an exit code of its own
        return Transient(
            f"training was stopped at {step} by {messages['stopped']}", "Start it again: it resumes from there"
        )
    # before the exit code: writing the stacks of threads that run may itself end in a crash
    # faulthandler writes this heading before the stacks.
    if "Timeout (" in errors:
        return StageFailure(
            f"training stalled after {step}: no step within TEXTMILL_STALL_SECONDS. Where it stood:\n{last_lines}",
            "Start it again: it resumes from its last checkpoint; or allow more seconds",
        )
    # torchrun lists how each rank ended; those that it stopped itself got SIGTERM
    signals = set(map(int, re.findall(r"exitcode\s*: (-\d+)", errors))) - {-signal.SIGTERM}
    code = min(signals, default=code)
    # subprocess gives a process that a signal ended the negative number of the signal.
    if code < 0:
        name = signal.Signals(-code).name
        memory = " (the system kills processes when memory is short)" if name == "SIGKILL" else ""
        return Transient(
            f"training was ended at {step} by {name}{memory}",
            "It resumes from its last checkpoint; if it ends so again, raise pretrain.batch.grad_accumulation",
        )
    return StageFailure(
        f"the trainer ended with exit code {code} at {step}:\n{last_lines}", "See trainer.log in the draft"
    )
