"""The trainer's own process: `python -m tasks.pretrain job.json`. Needs torch and transformers, and no Prefect.

The job: {"settings": {…}, "tokens": [folders], "scratch": folder, "export": folder, "lineage": [manifests]}; without
`export` nothing but the counts comes out. Started again after any end, it resumes from the last checkpoint. Lines of
JSON on standard output report its progress; with `--attached` it ends when standard input does. Exit codes: 0 done, 1 a
bug, 3 a failure that is explained, 75 stopped, to be resumed.

With several GPUs, or `TEXTMILL_RANKS=N`, it becomes `torchrun` with a process (rank) each. Several nodes:
`torchrun --nnodes N --nproc-per-node GPUS --rdzv-backend c10d --rdzv-endpoint HOST:PORT -m tasks.pretrain job.json` on
each, where the job's folders are the same files for all.
"""

import argparse
import json
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure, Transient, explain_error
from tasks.model.hardware import count_ranks, detect_hardware
from tasks.model.onnx import check_onnx_packages
from tasks.pretrain.distributed.ranks import join_ranks
from tasks.pretrain.distributed.sharding import is_sharded
from tasks.pretrain.export.export import count_parameters, export_model
from tasks.pretrain.monitoring.metrics import StepMetrics
from tasks.pretrain.monitoring.throughput import Throughput
from tasks.pretrain.monitoring.wandb_tracking import WandbRun
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training, train
from tasks.pretrain.training.out_of_memory import describe_out_of_memory, is_out_of_memory
from tasks.pretrain.watchdog import StopRequest, exclusive_lock, reset_watchdog, stop_watchdog
from tasks.runtime.standard_input import detach_standard_input

# 75 is EX_TEMPFAIL of sysexits.h: try again later.
EXIT_FAILED, EXIT_STOPPED = 3, 75
REPORT_INTERVAL = 0.5  # seconds


def emit_message(**message: Any) -> None:
    """Write one line of JSON for the parent, or for the person who started the process."""
    try:
        print(json.dumps(message), flush=True)
    except BrokenPipeError:  # the parent is dead: what counts now is the checkpoint
        # Later prints, also those of libraries, must not raise again before the checkpoint is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class ProgressReporter:
    """Measures and tracks each step, and reports steps, but not more often than a person can read."""

    def __init__(self, throughput: Throughput, wandb_run: WandbRun) -> None:
        self.throughput, self.wandb_run = throughput, wandb_run
        self.reported_at = 0.0

    def __call__(self, run: Training, metrics: StepMetrics) -> None:
        reset_watchdog()
        num_tokens = run.usage.tokens - self.throughput.tokens
        seconds = run.usage.seconds - self.throughput.seconds
        self.wandb_run.log(metrics, self.throughput.add(run.progress.step, num_tokens, run.num_predictions, seconds))
        # `notes` are collected where no process is known, and emptied here.
        while run.notes:
            emit_message(note=run.notes.pop(0))
        if time.monotonic() - self.reported_at >= REPORT_INTERVAL or run.is_done or "validation_loss" in metrics:
            self.reported_at = time.monotonic()
            message = {"step": run.progress.step, "steps": run.settings.num_steps, "loss": metrics["loss"]}
            message |= {"rate": self.throughput.tokens_per_second, "mfu": self.throughput.mfu}
            emit_message(**message, **{name: metrics[name] for name in metrics if name == "validation_loss"})


def collect_counts(run: Training, throughput: Throughput) -> dict[str, Any]:
    """Collect facts about the run and its speed: for the manifest, not for the artifact's files."""
    records, usage = run.metrics.records, run.usage
    validation_losses = [record["validation_loss"] for record in records if "validation_loss" in record]
    cpu_seconds = usage.cpu_seconds * run.ranks.world_size  # of all ranks, which do the same work
    return {
        "parameters": count_parameters(run),
        "steps": run.progress.step,
        "tokens": run.progress.tokens,
        "rows": len(run.data),
        "epochs": round(run.data.num_epochs(run.next_sample), 3),
        "loss": {"first": records[0]["loss"], "last": records[-1]["loss"]},
        "validation_loss": {
            "first": validation_losses[0],
            "last": validation_losses[-1],
            "best": min(validation_losses),
        }
        if validation_losses
        else None,
        "tokens_per_second": round(usage.tokens / usage.seconds, 1) if usage.seconds else None,
        "tokens_per_cpu_second": round(usage.tokens / cpu_seconds, 1) if cpu_seconds else None,
        "mfu": round(throughput.mfu, 4),
        "training_seconds": round(usage.seconds, 2),
        "resumed_at": run.resumed_at,
        "ranks": run.ranks.world_size,
        "troubles": run.progress.anomalies.as_metrics(),
        **run.hardware.as_dict(),
    }


def run_job(job: dict[str, Any], stop: StopRequest) -> int:
    """Train and export. Returns the exit code."""
    hardware = detect_hardware()
    hardware.configure_process()
    scratch = Path(job["scratch"])
    reset_watchdog()
    # The order matters: first the process group, since only the leader takes the lock, and the barrier that follows
    # needs the group.
    with join_ranks(hardware.device) as ranks, exclusive_lock(scratch) if ranks.is_leader else nullcontext():
        # the leader holds the lock for all: the others wait until it has it
        ranks.barrier()
        settings = Pretrain.model_validate(job["settings"])
        # Before hours of training, not after them.
        if settings.onnx != "none":
            check_onnx_packages()
        run = Training(settings, list(map(Path, job["tokens"])), scratch, hardware, ranks)
        seconds = float(os.environ.get("TEXTMILL_CHECKPOINT_SECONDS", "60"))
        try:
            if ranks.is_leader:
                code = run_rank_zero(run, job, stop, seconds)
            else:
                is_done = train(run, report=lambda *_: reset_watchdog(), stopped=stop, seconds=seconds)
                code = 0 if is_done else EXIT_STOPPED
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # its frames hold the tensors that fill the memory, and the search for a batch that fits needs that memory
            error.__traceback__ = None
            raise describe_out_of_memory(error, run) from error
    # Not reached after an error: the watchdog then still ends a process that hangs while it winds up.
    stop_watchdog()
    return code


def run_rank_zero(run: Training, job: dict[str, Any], stop: StopRequest, seconds: float) -> int:
    """Train as the first rank, or the only one: it also reports, and exports. Returns the exit code."""
    if run.resumed_at:
        emit_message(note=f"resumes from the checkpoint of step {run.resumed_at}")
    emit_message(note=f"TensorBoard: tensorboard --logdir {run.metrics.events.folder}")
    scratch = Path(job["scratch"])
    wandb_run = WandbRun(scratch, run.settings.semantic())
    settings, hardware = run.settings, run.hardware
    throughput = Throughput(scratch, run.progress.step, run.model, settings.seq_length, hardware, run.ranks.world_size)
    throughput.start_writing()
    is_done = train(run, report=ProgressReporter(throughput, wandb_run), stopped=stop, seconds=seconds)
    throughput.close()
    wandb_run.finish(0 if is_done else EXIT_STOPPED)
    if not is_done:
        emit_message(stopped=stop.reason or "a signal to another rank", step=run.progress.step)
        return EXIT_STOPPED
    reset_watchdog()
    counts = collect_counts(run, throughput)
    # A trial has no `export`: only its counts are wanted.
    if "export" in job:
        tokens = list(map(Path, job["tokens"]))
        if is_sharded(run.gradients.loss_module):  # the last checkpoint holds whole weights
            run = Training(settings, tokens, scratch, replace(hardware, parallel="replicate"))
        export_model(run, tokens[0] / "tokenizer", Path(job["export"]), job["lineage"], throughput.records)
    emit_message(done=counts)
    return 0


def exec_torchrun(arguments: list[str]) -> None:
    """Become torchrun with a process a rank, when there are several and it was not torchrun that started us."""
    count = count_ranks()
    # torchrun sets WORLD_SIZE in each rank, so a rank does not start torchrun again.
    if count > 1 and "WORLD_SIZE" not in os.environ:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", "tasks.pretrain"]
        # -P does not reach the ranks, which torchrun starts with a command line of its own; the environment does.
        os.environ.setdefault("PYTHONSAFEPATH", "1" if sys.flags.safe_path else "")
        os.execv(sys.executable, [sys.executable, *launcher, *arguments])  # noqa: S606 - this very interpreter


def as_known_failure(error: Exception) -> StageFailure | None:
    """Return the failure with a hint that an error stands for; None when we do not know it."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    if is_out_of_memory(error):
        hint = (
            "Raise pretrain.batch.grad_accumulation, or set TEXTMILL_ACTIVATIONS=recompute (same result, less memory "
            "at once), or lower batch.batch_size or batch.seq_length"
        )
        return StageFailure(f"out of memory: {line}", hint)
    if isinstance(error, StageFailure):
        return error
    explained = explain_error("the trainer", error)
    return explained if isinstance(explained, StageFailure) else None


def main() -> int:
    """Read the job and run it; a failure that has a hint is reported in one line."""
    parser = argparse.ArgumentParser(prog="python -m tasks.pretrain", description="Train a model as its own process.")
    parser.add_argument("job", type=Path, help="the job as a JSON file")
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    stop = StopRequest()
    stop.install_signal_handlers()
    try:
        exec_torchrun(sys.argv[1:])
        # after torchrun has started the ranks, because each of them watches the input that it inherits
        parent_input = detach_standard_input()
        if options.attached:
            stop.watch_parent(parent_input)
        return run_job(json.loads(options.job.read_text()), stop)
    except Exception as error:
        failure = as_known_failure(error)
        if failure is None:
            raise
        is_transient = isinstance(failure, Transient)
        emit_message(failure={"what": failure.what, "hint": failure.hint, "is_transient": is_transient})
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
