"""Several processes as one run: real ones, over gloo."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.hardware import count_ranks
from tasks.pretrain.__main__ import exec_torchrun
from tasks.pretrain.distributed.ranks import Ranks, map_over_ranks
from tasks.pretrain.monitoring.metrics import read_metrics
from tasks.pretrain.task import pretrain
from tasks.pretrain.training.loop import Training, train
from tasks.store import Artifact, Store
from tests.pretrain.conftest import CPU, finish, small

OPTIMIZER = {"kind": "adamw", "learning_rate": 1e-3}
SETTINGS = small(steps=50, eval_interval=25, optimizer=OPTIMIZER, batch={"batch_size": 8, "grad_accumulation": 2})
SHORT = small(batch={"batch_size": 8}, optimizer=OPTIMIZER)


def test_the_parts_of_all_ranks_are_the_whole_in_order() -> None:
    samples = np.arange(12)
    for count in (1, 2, 3, 4):
        shares = [Ranks(number, count).select_own(samples) for number in range(count)]
        assert np.concatenate(shares).tolist() == samples.tolist()


def test_a_process_alone_is_all_ranks() -> None:
    single = Ranks()
    assert single.is_leader
    assert single.sum(1.5, 2) == [1.5, 2]
    assert (single.any(flag=True), single.any(flag=False)) == (True, False)


def test_the_number_of_ranks_is_asked_for_or_that_of_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTMILL_DEVICE", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert count_ranks() == 4
    monkeypatch.setenv("TEXTMILL_DEVICE", "cuda:1")
    assert count_ranks() == 1
    monkeypatch.setenv("TEXTMILL_RANKS", "2")
    assert count_ranks() == 2


@pytest.mark.parametrize(
    ("environment", "started"),
    [({"TEXTMILL_RANKS": "3"}, True), ({"TEXTMILL_RANKS": "3", "WORLD_SIZE": "3"}, False), ({}, False)],
)
def test_the_trainer_becomes_torchrun_where_there_are_several(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], started: bool
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, command: commands.append(command))
    for name, value in {"TEXTMILL_DEVICE": "cpu", "PYTHONSAFEPATH": "", **environment}.items():
        monkeypatch.setenv(name, value)
    exec_torchrun(["job.json", "--attached"])
    assert bool(commands) == started
    if started:
        assert "--nproc-per-node=3" in commands[0]
        assert commands[0][-4:] == ["-m", "tasks.pretrain", "job.json", "--attached"]


def kill_second_rank(metrics: Path) -> None:
    """Wait for some steps, then kill the second rank."""
    until = time.monotonic() + 120
    while len(read_metrics(metrics)) < 10 and time.monotonic() < until:
        time.sleep(0.02)
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = environment.read_bytes().split(b"\0")
            command = (environment.parent / "cmdline").read_bytes()
        except OSError:  # not ours, or gone
            continue
        if b"RANK=1" in variables and str(metrics.parent).encode() in command:
            os.kill(int(environment.parent.name), signal.SIGKILL)


@pytest.mark.long
@pytest.mark.prefect
@pytest.mark.xdist_group("pipeline")
def test_the_stage_takes_the_steps_of_one_rank_with_two_of_which_one_is_killed(
    training: Callable[..., Training],
    tokens: Path,
    as_artifact: Callable[[Path, str], Artifact],
    tmp_path: Path,
    prefect_server: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {"RANKS": "2", "THREADS": "1", "DEVICE": "cpu", "PRECISION": "fp32", "CHECKPOINT_SECONDS": "0"}
    for name, value in {**names, "STORE": str(tmp_path / "store")}.items():
        monkeypatch.setenv(f"TEXTMILL_{name}", value)
    source, store = as_artifact(tokens, "tokenize"), Store.current()
    key = pretrain.build_spec(SETTINGS, source).expected_key
    scratch = store.root / "pretrain" / f".draft-{key}" / ".scratch"
    killer = threading.Thread(target=kill_second_rank, args=(scratch / "metrics.jsonl",))
    killer.start()
    artifact = pretrain(SETTINGS, source)  # the stage's own retry goes on from the checkpoint
    killer.join()
    manifest = store.manifest("pretrain", artifact.key)
    assert manifest is not None
    assert 9 <= manifest.counts["resumed_at"] < 50
    assert manifest.counts["ranks"] == 2

    one = training(SETTINGS, "one")
    finish(one)
    two = read_metrics(artifact.folder / "metrics.jsonl")
    assert [record["tokens"] for record in two] == [record["tokens"] for record in one.metrics.records]
    for what in ("loss", "gradient_norm"):
        assert [record[what] for record in two] == pytest.approx(
            [record[what] for record in one.metrics.records], rel=1e-5
        )
    assert two[-1]["validation_loss"] == pytest.approx(one.metrics.records[-1]["validation_loss"], rel=1e-5)


def start_and_stop(ranks: Ranks, scratch: Path, tokens: Path) -> None:
    run = Training(SHORT, [tokens], scratch, CPU, ranks)
    # asked to stop on one rank, both stop
    train(run, report=lambda *_: None, stopped=lambda: ranks.rank == 1 and run.progress.step >= 3, seconds=1e9)
    assert run.progress.step == 3


def test_another_number_of_ranks_goes_on_with_the_same_rows(
    training: Callable[..., Training], as_two_ranks: Callable[..., None], tokens: Path, tmp_path: Path
) -> None:
    as_two_ranks(start_and_stop, tmp_path / "begun", tokens)
    uninterrupted, resumed = training(SHORT, "whole"), training(SHORT, "begun")
    assert resumed.resumed_at == 3
    for run in (uninterrupted, resumed):
        finish(run)
    pairs = list(zip(uninterrupted.metrics.records, resumed.metrics.records, strict=True))
    assert all(one["tokens"] == other["tokens"] for one, other in pairs)
    assert [one["loss"] for one, _ in pairs] == pytest.approx([other["loss"] for _, other in pairs], rel=1e-5)


def shared_work(_: Ranks) -> None:
    stack = torch.arange(30.0).reshape(5, 2, 3)
    assert torch.equal(map_over_ranks(lambda part: part * 2, stack), stack * 2)
    # half of the five, and one of padding for the second rank
    assert torch.equal(map_over_ranks(torch.ones_like, stack), torch.ones_like(stack))
    assert torch.equal(map_over_ranks(lambda part: torch.full_like(part, len(part)), stack), torch.full_like(stack, 3))


def test_the_work_on_a_stack_is_shared(as_two_ranks: Callable[..., None]) -> None:
    as_two_ranks(shared_work)


def check_sums(ranks: Ranks, folder: Path) -> None:
    (folder / str(ranks.rank)).write_text(str((ranks.sum(ranks.rank + 1.5), ranks.any(flag=ranks.is_leader))))
    with pytest.raises(StageFailure, match="must see the same scratch folder"):
        ranks.check_equal("a checkpoint of step", ranks.rank)
    ranks.check_equal("a checkpoint of step", 7)


def test_ranks_add_up_and_agree(as_two_ranks: Callable[..., None], tmp_path: Path) -> None:
    as_two_ranks(check_sums, tmp_path)
    assert (tmp_path / "0").read_text() == (tmp_path / "1").read_text() == "([4.0], True)"
