"""The trainer's own process: `python -m tasks.pretrain job.json`. Needs torch and transformers, and no Prefect.

The job: {"settings": {…}, "tokens": [folders], "scratch": folder, "export": folder, "lineage": [manifests]}; without
`export` nothing but the counts comes out. Started again after any end, it goes on from the last checkpoint. Lines of
JSON on standard output tell how far it is; with `--attached` it ends when standard input does. Exit codes: 0 done, 1 a
bug, 3 a clear failure, 75 stopped, go on later.

With several GPUs, or `TEXTMILL_RANKS=N`, it becomes `torchrun` with a process (rank) each. Several nodes:
`torchrun --nnodes N --nproc-per-node GPUS --rdzv-backend c10d --rdzv-endpoint HOST:PORT -m tasks.pretrain job.json` on
each, where the job's folders are the same files for all.
"""

import argparse
import errno
import json
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.errors import HINTS, StageFailure
from tasks.model.hardware import count_ranks, detect_hardware
from tasks.model.onnx import check_onnx_packages
from tasks.pretrain.distributed.ranks import joined
from tasks.pretrain.distributed.sharding import is_sharded
from tasks.pretrain.export.export import export, parameters
from tasks.pretrain.monitoring.throughput import Speed
from tasks.pretrain.monitoring.wandb_tracking import Tracking
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Line, Training, train
from tasks.pretrain.training.out_of_memory import is_about_memory, out_of_memory
from tasks.pretrain.watchdog import Stop, alive, alone, asleep

FAILED, STOPPED = 3, 75
TOLD_EVERY_SECONDS = 0.5


def tell(**words: Any) -> None:
    """One line for the parent, or for the person who started it."""
    try:
        print(json.dumps(words), flush=True)
    except BrokenPipeError:  # the parent is dead: what counts now is the checkpoint
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Teller:
    """Measures each step, and tells of steps, not more often than anyone can read."""

    def __init__(self, speed: Speed, tracking: Tracking) -> None:
        self.speed, self.tracking = speed, tracking
        self.told = 0.0

    def __call__(self, run: Training, line: Line) -> None:
        alive()
        tokens, seconds = run.spent.tokens - self.speed.tokens, run.spent.seconds - self.speed.seconds
        self.tracking.add(line, self.speed.add(run.step, tokens, run.num_guesses, seconds))
        while run.notes:
            tell(note=run.notes.pop(0))
        if time.monotonic() - self.told >= TOLD_EVERY_SECONDS or run.done or "validation_loss" in line:
            self.told = time.monotonic()
            words = {"step": run.step, "steps": run.settings.num_steps, "loss": line["loss"]}
            words |= {"rate": self.speed.rate, "mfu": self.speed.mfu}
            tell(**words, **{name: line[name] for name in line if name == "validation_loss"})


def counts(run: Training, speed: Speed) -> dict[str, Any]:
    """What the run was and how fast: for the manifest, not for the files."""
    judged = [line["validation_loss"] for line in run.metrics.lines if "validation_loss" in line]
    spent = run.spent
    cpu_seconds = spent.cpu_seconds * run.ranks.count  # of all ranks, which do the same work
    return {
        "parameters": parameters(run),
        "steps": run.step,
        "tokens": run.tokens,
        "rows": len(run.corpus),
        "epochs": round(run.corpus.epochs(run.first_slot), 3),
        "loss": {"first": run.metrics.lines[0]["loss"], "last": run.metrics.lines[-1]["loss"]},
        "validation_loss": {"first": judged[0], "last": judged[-1], "best": min(judged)} if judged else None,
        "tokens_per_second": round(spent.tokens / spent.seconds, 1) if spent.seconds else None,
        "tokens_per_cpu_second": round(spent.tokens / cpu_seconds, 1) if cpu_seconds else None,
        "mfu": round(speed.mfu, 4),
        "training_seconds": round(spent.seconds, 2),
        "resumed_at": run.resumed_at,
        "ranks": run.ranks.count,
        "troubles": run.troubles.as_line(),
        **run.hardware.as_dict(),
    }


def work(job: dict[str, Any], stop: Stop) -> int:
    """Train and export. Returns the exit code."""
    hardware = detect_hardware()
    hardware.configure_process()
    scratch = Path(job["scratch"])
    alive()
    with joined(hardware.device) as ranks, alone(scratch) if ranks.leads else nullcontext():
        ranks.wait()  # the first holds the lock for all
        settings = Pretrain.model_validate(job["settings"])
        if settings.onnx != "none":
            check_onnx_packages()
        run = Training(settings, list(map(Path, job["tokens"])), scratch, hardware, ranks)
        seconds = float(os.environ.get("TEXTMILL_CHECKPOINT_SECONDS", "60"))
        try:
            if ranks.leads:
                code = lead(run, job, stop, seconds)
            else:
                code = 0 if train(run, report=lambda *_: alive(), stopped=stop, seconds=seconds) else STOPPED
        except (RuntimeError, MemoryError) as error:
            if not is_about_memory(error):
                raise
            error.__traceback__ = None  # its frames hold what fills the memory
            raise out_of_memory(error, run) from error
    asleep()
    return code


def lead(run: Training, job: dict[str, Any], stop: Stop, seconds: float) -> int:
    """What the first rank does, or the only one: it also tells, and exports. Returns the exit code."""
    if run.resumed_at:
        tell(note=f"goes on from the checkpoint of step {run.resumed_at}")
    tell(note=f"TensorBoard: tensorboard --logdir {run.metrics.events.parent}")
    scratch = Path(job["scratch"])
    tracking = Tracking(scratch, run.settings.semantic())
    speed = Speed(scratch, run.step, run.model, run.settings.length, run.hardware, run.ranks.count)
    speed.begin()
    whole = train(run, report=Teller(speed, tracking), stopped=stop, seconds=seconds)
    tracking.end(0 if whole else STOPPED)
    if not whole:
        tell(stopped=stop.why or "a signal to another rank", step=run.step)
        return STOPPED
    alive()
    done = counts(run, speed)
    if "export" in job:
        tokens = list(map(Path, job["tokens"]))
        if is_sharded(run.gradients.scored):  # the last checkpoint has the weights whole
            run = Training(run.settings, tokens, scratch, replace(run.hardware, parallel="replicate"))
        export(run, tokens[0] / "tokenizer", Path(job["export"]), job["lineage"], speed.lines)
    tell(done=done)
    return 0


def become_ranks(arguments: list[str]) -> None:
    """Become torchrun with a process a rank, when there are several and it is not torchrun that started us."""
    number = count_ranks()
    if number > 1 and "WORLD_SIZE" not in os.environ:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={number}", "-m", "tasks.pretrain"]
        os.environ.setdefault("PYTHONSAFEPATH", "1" if sys.flags.safe_path else "")
        os.execv(sys.executable, [sys.executable, *launcher, *arguments])  # noqa: S606 - this very interpreter


def understood(error: Exception) -> StageFailure | None:
    """The failure with a mend that an error stands for, if we know it."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    if is_about_memory(error):
        mend = (
            "Raise pretrain.batch.accumulation, or set TEXTMILL_ACTIVATIONS=recompute (same result, less memory at "
            "once), or lower batch.rows or length"
        )
        return StageFailure(f"out of memory: {line}", mend)
    # safetensors raises a class of its own without a number
    if "os error 28" in line or getattr(error, "errno", None) == errno.ENOSPC:
        return StageFailure(f"the disk is full: {line}", HINTS[errno.ENOSPC])
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
        become_ranks(sys.argv[1:])
        return work(json.loads(options.job.read_text()), stop)
    except Exception as error:
        failure = understood(error)
        if failure is None:
            raise
        tell(failure={"what": failure.what, "mend": failure.hint})
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
