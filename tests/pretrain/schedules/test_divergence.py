"""Steps that go wrong: what bad rows do to a run is a function of the rows, so it is met again after every resume."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.pretrain.schedules.divergence import Divergence
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import finish, small

Start = Callable[..., Training]
ROWS = 4


def spoil_losses(run: Training, bad: set[int], loss: float) -> Training:
    """The run, with another loss for every step that reads one of the bad batches."""
    accumulate_gradients = run.gradients.accumulate

    def accumulate(samples: np.ndarray[Any, Any], *arguments: Any) -> tuple[float, int]:
        true_loss, tokens = accumulate_gradients(samples, *arguments)
        return (loss if int(samples[0]) // ROWS in bad else true_loss), tokens

    run.gradients.accumulate = accumulate  # type: ignore[method-assign]
    return run


def settings_of(**answers: object) -> Pretrain:
    return small(divergence={"spike_window": 2, **answers}, eval_interval=100)


def weights(run: Training) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in run.learner.state_tensors().values()]


def test_a_spike_is_a_loss_far_over_the_usual_one() -> None:
    settings = Divergence(spike_factor=2.0, spike_window=3)
    assert settings.find_anomaly(8.1, 1.0, [9.0, 4.0, 4.0, 4.1]) == "spikes"
    assert settings.find_anomaly(7.9, 1.0, [9.0, 4.0, 4.0, 4.1]) is None
    assert settings.find_anomaly(99.0, 1.0, [4.0, 4.0]) is None, "too few to know what is usual"
    assert settings.find_anomaly(math.nan, 1.0, []) == "non_finite"
    assert settings.find_anomaly(4.0, math.inf, []) == "non_finite"


def test_a_logged_spike_is_in_the_metrics_and_the_notes(training: Start) -> None:
    run = spoil_losses(training(settings_of()), {5}, loss=1e3)
    finish(run)
    assert [line.get("spikes") for line in run.metrics.records] == [None] * 5 + [1, 1, 1]
    assert run.metrics.records[5]["loss"] == 1e3
    (note,) = run.notes
    assert note.startswith("the loss of step 6 is 1000")


def test_a_skipped_batch_is_left_out_and_no_other(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = spoil_losses(training(settings_of(non_finite="skip")), {3, 4}, loss=math.nan)
    called: list[str] = []
    for hook in ("after_step", "after_skipped_step"):
        monkeypatch.setattr(type(run.objective), hook, lambda _, learner, hook=hook: called.append(hook))
    finish(run)
    assert [line["step"] for line in run.metrics.records] == list(range(1, 9))
    assert run.metrics.records[3]["skipped"] == run.metrics.records[3]["non_finite"] == 2
    assert run.next_sample == (8 + 2) * ROWS
    assert called == ["after_step"] * 3 + ["after_skipped_step"] * 2 + ["after_step"] * 5
    assert len(run.notes) == 2
    assert all(torch.isfinite(tensor).all() for tensor in weights(run))


def test_rolling_back_leaves_out_all_batches_since(training: Start) -> None:
    settings = settings_of(non_finite="roll_back", rollback_interval=3)
    run = spoil_losses(training(settings), {5}, loss=math.inf)
    finish(run)
    assert [line["step"] for line in run.metrics.records] == list(range(1, 9))
    assert [line.get("rolled_back") for line in run.metrics.records] == [None] * 3 + [1] * 5
    assert run.next_sample == (8 + 3) * ROWS, "batches 3 and 4 went with the bad one"
    (note,) = run.notes
    assert note.startswith("the loss of step 6 is inf")
    assert note.endswith("goes on from step 3 with the rows behind its batch")


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["skip", "roll_back"])
@pytest.mark.parametrize("stops", [[2, 4, 5, 7], [5]])
def test_a_run_with_anomalies_resumes_to_the_same_bits(training: Start, answer: str, stops: list[int]) -> None:
    settings = settings_of(non_finite=answer, rollback_interval=3)
    uninterrupted = spoil_losses(training(settings, "whole"), {4, 7}, math.nan)
    finish(uninterrupted)
    for until in stops:  # seconds=0 checkpoints each step: also between the rollback step and the bad batch
        finish(spoil_losses(training(settings, "broken"), {4, 7}, math.nan), until, seconds=0)
    interrupted = spoil_losses(training(settings, "broken"), {4, 7}, math.nan)
    assert interrupted.resumed_at == stops[-1]
    finish(interrupted)
    assert interrupted.metrics.path.read_bytes() == uninterrupted.metrics.path.read_bytes()
    assert interrupted.progress.anomalies == uninterrupted.progress.anomalies
    assert all(torch.equal(one, other) for one, other in zip(weights(uninterrupted), weights(interrupted), strict=True))


def test_a_run_killed_right_after_going_back_meets_the_same_batch_again(training: Start) -> None:
    settings = settings_of(non_finite="roll_back", rollback_interval=3)
    uninterrupted = spoil_losses(training(settings, "whole"), {4}, math.nan)
    finish(uninterrupted)
    killed = spoil_losses(training(settings, "killed"), {4}, math.nan)
    finish(killed, until=4, seconds=0)
    killed.advance()  # goes back to 3 and takes step 4 again, without a checkpoint
    assert (killed.progress.step, killed.checkpoints.list_steps()[-1]) == (4, 3)
    resumed = spoil_losses(training(settings, "killed"), {4}, math.nan)
    assert resumed.resumed_at == 3
    finish(resumed)
    assert resumed.metrics.path.read_bytes() == uninterrupted.metrics.path.read_bytes()


@pytest.mark.parametrize("answer", ["skip", "roll_back"])
def test_a_run_that_does_not_recover_ends(training: Start, answer: str) -> None:
    run = spoil_losses(
        training(settings_of(non_finite=answer, rollback_interval=2, max_retries=3)), set(range(2, 50)), math.nan
    )
    with pytest.raises(StageFailure, match=r"loss of step 3 is nan.*after 3 retries.*[Ll]ower"):
        finish(run)
    assert len(run.notes) == 3
