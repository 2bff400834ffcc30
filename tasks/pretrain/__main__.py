"""The trainer's own process: `python -m tasks.pretrain job.json`. Needs torch and transformers, and no Prefect.

The job: {"settings": {…}, "tokens": [folders], "scratch": folder, "export": folder, "lineage": [manifests]}. Started again
after any end, it goes on from the last checkpoint. Lines of JSON on standard output tell how far it is; with
`--attached` it ends when standard input does. Exit codes: 0 done, 1 a bug, 3 a clear failure, 75 stopped, go on later.
"""

import argparse
import errno
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from tasks.failure import MENDS, StageFailure
from tasks.model.hardware import probe
from tasks.pretrain.export import export, parameters
from tasks.pretrain.guard import Stop, alive, alone, asleep
from tasks.pretrain.loop import Line, Training, train
from tasks.pretrain.settings import Pretrain

FAILED, STOPPED = 3, 75
TOLD_EVERY_SECONDS = 0.5


def tell(**words: Any) -> None:
    """One line for the parent, or for the person who started it."""
    try:
        print(json.dumps(words), flush=True)
    except BrokenPipeError:  # the parent is dead: what counts now is the checkpoint
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Teller:
    """Tells of steps, not more often than anyone can read."""

    def __init__(self) -> None:
        self.told = 0.0

    def __call__(self, run: Training, line: Line) -> None:
        alive()
        if time.monotonic() - self.told >= TOLD_EVERY_SECONDS or run.done or "validation_loss" in line:
            self.told = time.monotonic()
            rate = run.spent.tokens / run.spent.seconds
            words = {"step": run.step, "steps": run.settings.num_steps, "loss": line["loss"], "rate": rate}
            tell(**words, **{name: line[name] for name in line if name == "validation_loss"})


def counts(run: Training) -> dict[str, Any]:
    """What the run was and how fast: for the manifest, not for the files."""
    judged = [line["validation_loss"] for line in run.metrics.lines if "validation_loss" in line]
    spent = run.spent
    return {
        "parameters": parameters(run),
        "steps": run.step,
        "tokens": run.tokens,
        "rows": len(run.rows),
        "epochs": round(run.step * run.settings.batch.rows / len(run.rows), 3),
        "loss": {"first": run.metrics.lines[0]["loss"], "last": run.metrics.lines[-1]["loss"]},
        "validation_loss": {"first": judged[0], "last": judged[-1], "best": min(judged)} if judged else None,
        "tokens_per_second": round(spent.tokens / spent.seconds, 1) if spent.seconds else None,
        "tokens_per_cpu_second": round(spent.tokens / spent.cpu_seconds, 1) if spent.cpu_seconds else None,
        "training_seconds": round(spent.seconds, 2),
        "resumed_at": run.resumed_at,
        **run.hardware.as_counts(),
    }


def work(job: dict[str, Any], stop: Stop) -> int:
    """Train and export. Returns the exit code."""
    hardware = probe()
    hardware.apply()
    scratch, tokens = Path(job["scratch"]), [Path(each) for each in job["tokens"]]
    with alone(scratch):
        alive()
        run = Training(Pretrain.model_validate(job["settings"]), tokens, scratch, hardware)
        if run.resumed_at:
            tell(note=f"goes on from the checkpoint of step {run.resumed_at}")
        tell(note=f"TensorBoard: tensorboard --logdir {run.metrics.events.parent}")
        seconds = float(os.environ.get("TEXTMILL_CHECKPOINT_SECONDS", "60"))
        if not train(run, report=Teller(), stopped=stop, seconds=seconds):
            tell(stopped=stop.why, step=run.step)
            return STOPPED
        alive()
        export(run, tokens[0] / "tokenizer", Path(job["export"]), job["lineage"])
        tell(done=counts(run))
        asleep()
    return 0


def understood(error: Exception) -> StageFailure | None:
    """The failure with a mend that an error stands for, if we know it."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    # torch raises its own class on GPUs, and a plain RuntimeError on CPUs
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in line:
        mend = "Raise pretrain.batch.accumulation (same result, less memory at once), or lower batch.rows or length"
        return StageFailure(f"out of memory: {line}", mend)
    # safetensors raises a class of its own without a number
    if "os error 28" in line or getattr(error, "errno", None) == errno.ENOSPC:
        return StageFailure(f"the disk is full: {line}", MENDS[errno.ENOSPC])
    return error if isinstance(error, StageFailure) else None


def main() -> int:
    """Read the job and do it; a failure that has a mend is told in one line."""
    parser = argparse.ArgumentParser(prog="python -m tasks.pretrain", description="Train a model as its own process.")
    parser.add_argument("job", type=Path, help="the job as a JSON file")
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    stop = Stop()
    stop.on_signals()
    if options.attached:
        stop.with_parent()
    try:
        return work(json.loads(options.job.read_text()), stop)
    except Exception as error:
        failure = understood(error)
        if failure is None:
            raise
        tell(failure={"what": failure.what, "mend": failure.mend})
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
