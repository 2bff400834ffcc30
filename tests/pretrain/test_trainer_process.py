"""The real trainer process, killed in every way."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import safetensors
import torch

from tasks.errors import StageFailure, Transient
from tasks.model.checkpoint import Checkpoints
from tasks.pretrain import trainer_process
from tasks.pretrain.__main__ import as_known_failure
from tasks.pretrain.monitoring.metrics import read_metrics
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.task import pretrain
from tasks.pretrain.trainer_process import ROOT, _explain_exit, run_trainer
from tasks.runtime.progress import progress
from tasks.store import Artifact, Draft
from tests.pretrain.conftest import small
from tests.waiting import wait_until

SETTINGS = small(steps=60, eval_interval=10)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_THREADS", "1")
    monkeypatch.setenv("TEXTMILL_DEVICE", "cpu")
    monkeypatch.setenv("TEXTMILL_CHECKPOINT_SECONDS", "0")


@pytest.fixture
def trainer(tokens: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`trainer(draft)` starts the process of a draft by itself; what still runs at the end is killed."""
    started = []

    def start(draft: Draft, settings: Pretrain = SETTINGS) -> subprocess.Popen[str]:
        path = tmp_path / "job.json"
        path.write_text(json.dumps(build_job(draft, tokens, settings)))
        command = [sys.executable, "-m", "tasks.pretrain", str(path), "--attached"]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout, process.stderr):
            if end is not None:
                end.close()


def build_job(draft: Draft, tokens: Path, settings: Pretrain = SETTINGS) -> dict[str, object]:
    return {
        "settings": settings.model_dump(mode="json"),
        "tokens": [str(tokens)],
        "scratch": str(draft.scratch),
        "export": str(draft.scratch / "export"),
        "lineage": [],
    }


def wait_for_step(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("step", 0) >= step:
            return
    raise AssertionError(f"ended before step {step}: {process.stderr and process.stderr.read()}")


def read_files(folder: Path) -> dict[str, bytes]:
    inside = [path for path in folder.rglob("*") if path.is_file()]
    names = {path: str(path.relative_to(folder)) for path in inside}
    timed = ("summary.md", "speed.jsonl", "events/")  # times, which enter no digest
    return {name: path.read_bytes() for path, name in names.items() if name[0] != "." and not name.startswith(timed)}


@pytest.mark.long
def test_killed_and_stopped_it_ends_with_the_same_bytes(
    make_draft: Callable[[str], Draft],
    as_artifact: Callable[[Path, str], Artifact],
    tokens: Path,
    trainer: Callable[..., subprocess.Popen[str]],
) -> None:
    uninterrupted, interrupted = make_draft("uninterrupted"), make_draft("interrupted")
    pretrain.build(SETTINGS, uninterrupted, as_artifact(tokens, "tokenize"))
    checkpoints = Checkpoints(interrupted.scratch / "checkpoints")

    killed = trainer(interrupted)
    wait_for_step(killed, 10)
    killed.kill()
    assert killed.wait(60) == -signal.SIGKILL
    after_kill = checkpoints.list_steps()[-1]
    assert 9 <= after_kill < 60

    stopped = trainer(interrupted)
    wait_for_step(stopped, 20)
    stopped.terminate()
    rest = stopped.communicate(timeout=60)[0]
    assert stopped.returncode == 75
    assert json.loads(rest.splitlines()[-1])["stopped"] in {"SIGTERM", "the end of its parent"}
    assert after_kill < checkpoints.list_steps()[-1] < 60

    pretrain.build(SETTINGS, interrupted, as_artifact(tokens, "tokenize"))
    assert interrupted.counts["resumed_at"] >= 20
    assert read_files(uninterrupted.path) == read_files(interrupted.path)
    assert {"model.safetensors", "metrics.jsonl", "state/tensors.safetensors", "README.md"} <= set(
        read_files(uninterrupted.path)
    )


PARENT = """
import json, sys
from tasks.pretrain.trainer_process import run_trainer
run_trainer(json.load(open(sys.argv[1])), 100000)
"""


@pytest.mark.long
def test_it_saves_and_ends_when_its_parent_is_killed(
    make_draft: Callable[[str], Draft], tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_CHECKPOINT_SECONDS", "1e9")
    draft = make_draft("long")
    path = tmp_path / "parent.json"
    path.write_text(json.dumps(build_job(draft, tokens, small(steps=100000))))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(read_metrics(draft.scratch / "metrics.jsonl")) >= 3)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    assert len(children) == 1
    wait_until(lambda: not Path(f"/proc/{children[0]}").exists())
    (step,) = Checkpoints(draft.scratch / "checkpoints").list_steps()
    assert step == len(read_metrics(draft.scratch / "metrics.jsonl"))


@pytest.mark.slow
def test_clear_failures_cross_the_process_border(make_draft: Callable[[str], Draft], tokens: Path) -> None:
    draft = make_draft("few")
    with pytest.raises(StageFailure, match="one batch needs 100000") as failure:
        run_trainer(build_job(draft, tokens, small(batch={"batch_size": 100000})), 8)
    assert "lower pretrain.batch.batch_size" in failure.value.hint
    assert not isinstance(failure.value, Transient)
    assert not read_files(draft.path)


@pytest.mark.slow
def test_a_stalled_run_shows_where_it_stands(
    make_draft: Callable[[str], Draft], tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_STALL_SECONDS", "0.01")
    with pytest.raises(StageFailure, match="stalled after") as failure:
        run_trainer(build_job(make_draft("stalled"), tokens), 60)
    assert not isinstance(failure.value, Transient)


@pytest.mark.slow
def test_the_clock_shows_where_a_process_stands() -> None:
    code = "import time; from tasks.pretrain import watchdog; watchdog.reset_watchdog(); time.sleep(600)"
    environment = {**os.environ, "TEXTMILL_STALL_SECONDS": "0.5"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ended.returncode == 1
    assert re.search(r'File "<string>", line 1 in <module>', ended.stderr)


@pytest.mark.slow
def test_two_trainers_never_write_together(make_draft: Callable[[str], Draft]) -> None:
    from tasks.pretrain import watchdog

    draft = make_draft("shared")
    with watchdog.exclusive_lock(draft.scratch):
        code = (
            "import sys; from pathlib import Path; from tasks.pretrain import watchdog; watchdog.LOCK_SECONDS = 0.2\n"
        )
        code += "with watchdog.exclusive_lock(Path(sys.argv[1])): print('both')"
        other = subprocess.run(
            [sys.executable, "-c", code, str(draft.scratch)], capture_output=True, text=True, cwd=ROOT, check=False
        )
    assert "another trainer works in" in other.stderr
    assert other.stdout == ""


@pytest.mark.parametrize(
    ("code", "messages", "errors", "kind", "words"),
    [
        (-9, {"step": 7}, "", Transient, "ended at step 7 by SIGKILL .*memory is short"),
        (-11, {}, "", Transient, "ended at its first step by SIGSEGV"),
        (75, {"step": 7, "stopped": "SIGTERM"}, "", Transient, "stopped at step 7 by SIGTERM"),
        (1, {"step": 7, "stopped": "SIGTERM"}, "ChildFailedError", Transient, "stopped at step 7 by SIGTERM"),
        (1, {"step": 7}, "exitcode  : -15 (pid: 3)\n exitcode  : -9 (pid: 4)", Transient, "at step 7 by SIGKILL"),
        (1, {"step": 7}, "Traceback\nKeyError: 'x'", StageFailure, r"(?s)exit code 1 at step 7:.*KeyError: 'x'"),
        (1, {"step": 7}, "Timeout (0:15:00)!\nThread", StageFailure, "stalled after step 7"),
    ],
)
def test_each_end_has_a_clear_sentence(
    code: int, messages: dict[str, object], errors: str, kind: type[StageFailure], words: str
) -> None:
    failure = _explain_exit(code, messages, errors)
    assert type(failure) is kind
    with pytest.raises(kind, match=words):
        raise failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory: MemoryError"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "out of memory.*accumulation",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried\nmore"), "out of memory.*Tried[.] Raise"),
        (OSError(28, "No space left on device"), "No space left on device.*Free some disk space"),
        (
            safetensors.SafetensorError("I/O error: No space left on device (os error 28)"),
            "the trainer: No space left.*Free some disk",
        ),
    ],
)
def test_known_errors_have_a_hint(error: Exception, words: str) -> None:
    failure = as_known_failure(error)
    assert failure is not None
    assert re.search(words, str(failure))


def test_a_bug_is_not_dressed_up() -> None:
    assert as_known_failure(KeyError("x")) is None


@pytest.mark.slow
def test_leaving_the_stage_stops_the_trainer(
    make_draft: Callable[[str], Draft], tokens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the parent: the trainer writes its checkpoint, and is gone when the parent goes on."""
    from tasks.pretrain import trainer_process

    draft = make_draft("left")
    pids: list[int] = []

    def interrupted(trainer: subprocess.Popen[str], *_: object) -> dict[str, object]:
        wait_for_step(trainer, 3)
        pids.append(trainer.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer_process, "_follow_output", interrupted)
    with pytest.raises(KeyboardInterrupt) as raised:
        run_trainer(build_job(draft, tokens, small(steps=100000)), 100000)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    step = Checkpoints(draft.scratch / "checkpoints").list_steps()[-1]
    assert step >= 3
    assert raised.value.__notes__ == [f"the checkpoint of step {step:,} is kept"]


def test_a_run_that_resumes_counts_its_own_steps_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bars = []

    def record(*args: Any) -> progress:
        bars.append(progress(*args))
        return bars[-1]

    monkeypatch.setattr(trainer_process, "progress", record)
    caplog.set_level("INFO", "textmill")
    lines = [json.dumps({"step": step, "loss": 1.0, "rate": 1.0, "mfu": 0.1}) for step in (601, 602)]
    trainer: Any = SimpleNamespace(stdout=lines)
    assert trainer_process._follow_output(trainer, 1000, 600)["step"] == 602
    (bar,) = bars
    assert (bar.done, bar.initial_done, bar.total) == (602, 600, 1000), "two steps make the rate"
    assert caplog.messages[-1].startswith("pretrain: 602/1,000 steps, ")
