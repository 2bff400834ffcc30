"""Weights split over the ranks by FSDP2, over gloo: the same run as with one rank."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tasks.pretrain.__main__ import run_rank_zero
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.distributed.sharding import is_sharded
from tasks.pretrain.monitoring.metrics import read_metrics
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training
from tasks.pretrain.watchdog import StopRequest, stop_watchdog
from tests.pretrain.conftest import CPU, finish, small

SHARDED = replace(CPU, parallel="shard")
LAST = 12
CHANGES = {
    "muon": {"batch": {"batch_size": 8, "grad_accumulation": 2}, "ema_decay": 0.9},
    "bart": {
        "family": "bart",
        "objective": {"kind": "denoising"},
        "optimizer": {"kind": "adamw", "learning_rate": 1e-3},
    },
    "moco": {"family": "bert", "objective": {"kind": "moco"}, "optimizer": {"kind": "adamw", "learning_rate": 1e-3}},
    "electra": {"family": "electra", "objective": {"kind": "replaced_token_detection"}},
}


def settings(name: str) -> Pretrain:
    return small(**{"steps": LAST, "eval_interval": 6, "batch": {"batch_size": 8}, **CHANGES[name]})


def work(ranks: Ranks, folder: Path, tokens: Path) -> None:
    """Half of each run; for one of them also the rest, resumed from the checkpoint."""
    torch.set_num_threads(1)
    for name in CHANGES:
        run = Training(settings(name), [tokens], folder / name, SHARDED, ranks)
        assert is_sharded(run.gradients.loss_module)
        held = sum(parameter.to_local().numel() for parameter in run.gradients.parameters)
        assert held < 0.6 * sum(parameter.numel() for parameter in run.gradients.parameters)
        finish(run, LAST // 2)
    resumed = Training(settings("muon"), [tokens], folder / "muon", SHARDED, ranks)
    assert resumed.resumed_at == LAST // 2
    if ranks.is_leader:
        job = {"tokens": [str(tokens)], "scratch": str(folder / "muon"), "export": str(folder / "out"), "lineage": []}
        assert run_rank_zero(resumed, job, StopRequest(), 1e9) == 0
        stop_watchdog()
    else:
        finish(resumed, LAST)


def test_split_weights_take_the_steps_of_whole_ones(
    training: Callable[..., Training], as_two_ranks: Callable[..., None], tokens: Path, tmp_path: Path
) -> None:
    as_two_ranks(work, tmp_path, tokens)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    for name in CHANGES:
        half_records = read_metrics(tmp_path / name / "metrics.jsonl")
        assert len(half_records) == (LAST if name == "muon" else LAST // 2)
        finish(training(settings(name), name), LAST)  # one rank goes on from what two have left
        unsharded = training(settings(name), f"{name} alone")
        finish(unsharded, LAST)
        records = read_metrics(tmp_path / name / "metrics.jsonl")
        assert [record["tokens"] for record in records] == [record["tokens"] for record in unsharded.metrics.records]
        for what in ("loss", "gradient_norm", "validation_loss"):
            expected = [record[what] for record in unsharded.metrics.records if what in record]
            assert [record[what] for record in records if what in record] == pytest.approx(expected, rel=2e-5), (
                name,
                what,
            )
        if name == "muon":
            unsharded.checkpointer.load_final_weights()
            for weight, tensor in unsharded.learner.module.state_dict().items():
                torch.testing.assert_close(opened[weight], tensor, rtol=1e-3, atol=1e-3)
