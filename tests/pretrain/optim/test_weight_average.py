from collections.abc import Callable

import pytest
import torch
from torch import nn

from tasks.pretrain.optim.weight_average import WeightAverage
from tasks.pretrain.training.loop import Training, train
from tests.pretrain.conftest import small


def weights(run: Training) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in run.gradients.parameters]


def test_at_first_it_is_the_mean_of_all_steps_and_then_follows() -> None:
    model = nn.Linear(2, 1, bias=False)
    average = WeightAverage(model, decay=0.75)
    for number, value in enumerate([1.0, 2.0, 6.0, 7.0], 1):
        nn.init.constant_(model.weight, value)
        average.update(number)
    assert average.averages[0].tolist() == [[4.0, 4.0]]
    nn.init.constant_(model.weight, 8.0)
    average.update(5)
    assert average.averages[0].tolist() == [[5.0, 5.0]]  # three quarters of 4, and one of 8
    with average.use_average():
        assert model.weight.tolist() == [[5.0, 5.0]]
    assert model.weight.tolist() == [[8.0, 8.0]]


def test_frozen_weights_and_a_decay_of_zero_have_none() -> None:
    model = nn.Linear(2, 1)
    assert WeightAverage(model, 0.0).get_state() == {}
    model.bias.requires_grad_(False)
    assert list(WeightAverage(model, 0.5).get_state()) == ["weight"]


def test_a_run_validates_saves_and_resumes_the_average(training: Callable[..., Training]) -> None:
    def finish(run: Training, until: int = 99) -> Training:
        train(run, report=lambda *_: None, stopped=lambda: run.progress.step >= until, seconds=1e9)
        return run

    settings = small(ema_decay=0.8, patience=5)
    uninterrupted = finish(training(settings, "whole"))
    finish(training(settings, "stopped"), 3)
    resumed = finish(training(settings, "stopped"))
    plain = finish(training(small(patience=5), "plain"))
    assert uninterrupted.metrics.path.read_bytes() == resumed.metrics.path.read_bytes()
    last_weights = weights(uninterrupted)
    assert all(map(torch.equal, last_weights, weights(plain))), "the average is looked at, and trains nothing"
    losses = [run.metrics.records[-1]["validation_loss"] for run in (uninterrupted, plain)]
    assert losses[0] != losses[1]
    for run in (uninterrupted, resumed):
        run.checkpointer.load_final_weights()
        assert run.gradients.compute_validation_loss() == pytest.approx(losses[0], abs=0)
        assert not any(map(torch.equal, last_weights, weights(run)))
