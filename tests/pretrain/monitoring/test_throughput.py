"""Throughput and utilisation, kept apart from what must be the same each time."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tasks.model.flops import TrainingFlops, find_peak_flops
from tasks.model.packed import PackedModel
from tasks.pretrain.monitoring.throughput import Speed
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import CPU, small

Start = Callable[..., Training]


def test_flops_are_six_a_weight_and_token_and_those_of_attention(training: Start) -> None:
    run = training(small())
    layers, width, length, vocabulary = 2, 32, 32, run.vocabulary.size
    weights = 12 * layers * width**2
    a_token = 6 * weights + 12 * layers * width * length
    assert TrainingFlops(run.model, length).count_step(100, 10) == 100 * a_token + 10 * 6 * vocabulary * width


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_the_halves_of_an_encoder_decoder_read_their_own_tokens(training: Start, family: str) -> None:
    run = training(small(family=family, objective={"kind": "denoising"}))
    flops = TrainingFlops(run.model, 32)
    assert flops.encoder > 0
    assert flops.decoder > flops.encoder, "it also looks at the encoder"
    assert flops.count_step(10, 20) > flops.count_step(10, 10)


def test_what_is_counted_is_near_what_torch_counts(training: Start) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    run = training(
        small(architecture={"family": "gpt2", "num_layers": 2, "hidden_size": 64, "num_heads": 2, "max_length": 32})
    )
    with FlopCounterMode(display=False) as counter:
        _, tokens, _ = run._attempt()[0], run._attempt()[2], None
    ours = 2 * TrainingFlops(run.model, 32).count_step(tokens, run.num_guesses)
    assert counter.get_total_flops() == pytest.approx(ours, rel=0.15)


@pytest.fixture
def speed(training: Start, tmp_path: Path) -> Callable[[int], Speed]:
    model: PackedModel = training(small()).model
    (tmp_path / "speed").mkdir()
    return lambda step: Speed(tmp_path / "speed", step, model, 32, CPU, 1)


def test_lines_go_on_behind_the_checkpoint(speed: Callable[[int], Speed]) -> None:
    first = speed(0)
    first.begin()
    for step in (1, 2, 3):
        first.add(step, 100, 100, 0.5)
    assert first.rate == 200
    assert 0 < first.mfu == pytest.approx(first.lines[-1]["mfu"], rel=1e-3)
    again = speed(2)
    again.begin()
    again.add(3, 100, 100, 0.25)
    assert [(line["step"], line["tokens_per_second"]) for line in again.lines] == [(1, 200), (2, 200), (3, 400)]
    (events,) = again.events.iterdir()
    found = [event for event in EventFileLoader(str(events)).Load() if event.summary.value]
    assert [event.step for event in found] == [1, 2, 3]
    assert {value.tag for value in found[0].summary.value} == {"tokens_per_second", "mfu"}


def test_a_run_that_went_back_has_each_step_once(speed: Callable[[int], Speed]) -> None:
    run = speed(0)
    run.begin()
    for step in (1, 2, 3, 2, 3, 4):
        run.add(step, 100, 100, 0.5)
    assert [line["step"] for line in run.lines] == [1, 2, 3, 4]
    assert [line["step"] for line in speed(9).lines] == [1, 2, 3, 4]


def test_the_peak_is_the_makers_or_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_peak_flops("cpu", "fp32") > 1e8
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    assert find_peak_flops("cuda:0", "bf16") == 989e12
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA L40S")
    assert find_peak_flops("cuda", "bf16") == 362e12
