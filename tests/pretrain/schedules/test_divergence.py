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


def spoilt(run: Training, bad: set[int], loss: float) -> Training:
    """The run, with another loss for every step that reads one of the bad batches."""
    honest = run.gradients.accumulate

    def accumulate(slots: np.ndarray[Any, Any], *further: Any) -> tuple[float, int]:
        found, tokens = honest(slots, *further)
        return (loss if int(slots[0]) // ROWS in bad else found), tokens

    run.gradients.accumulate = accumulate  # type: ignore[method-assign]
    return run


def settings_of(**answers: object) -> Pretrain:
    return small(divergence={"window": 2, **answers}, validate_every=100)


def weights(run: Training) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in run.learner.state_tensors().values()]


def test_a_spike_is_a_loss_far_over_the_usual_one() -> None:
    settings = Divergence(factor=2.0, window=3)
    assert settings.trouble(8.1, 1.0, [9.0, 4.0, 4.0, 4.1]) == "spikes"
    assert settings.trouble(7.9, 1.0, [9.0, 4.0, 4.0, 4.1]) is None
    assert settings.trouble(99.0, 1.0, [4.0, 4.0]) is None, "too few to know what is usual"
    assert settings.trouble(math.nan, 1.0, []) == "non_finite"
    assert settings.trouble(4.0, math.inf, []) == "non_finite"


def test_a_counted_spike_is_in_the_metrics_and_said(training: Start) -> None:
    run = spoilt(training(settings_of()), {5}, loss=1e3)
    finish(run)
    assert [line.get("spikes") for line in run.metrics.lines] == [None] * 5 + [1, 1, 1]
    assert run.metrics.lines[5]["loss"] == 1e3
    (note,) = run.notes
    assert note.startswith("the loss of step 6 is 1000")


def test_a_skipped_batch_is_left_out_and_no_other(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = spoilt(training(settings_of(non_finite="skip")), {3, 4}, loss=math.nan)
    called: list[str] = []
    for hook in ("after_step", "after_skipped_step"):
        monkeypatch.setattr(type(run.objective), hook, lambda _, learner, hook=hook: called.append(hook))
    finish(run)
    assert [line["step"] for line in run.metrics.lines] == list(range(1, 9))
    assert run.metrics.lines[3]["skipped"] == run.metrics.lines[3]["non_finite"] == 2
    assert run.first_slot == (8 + 2) * ROWS
    assert called == ["after_step"] * 3 + ["after_skipped_step"] * 2 + ["after_step"] * 5
    assert len(run.notes) == 2
    assert all(torch.isfinite(tensor).all() for tensor in weights(run))


def test_rolling_back_leaves_out_all_batches_since_the_anchor(training: Start) -> None:
    settings = settings_of(non_finite="roll_back", anchor=3)
    run = spoilt(training(settings), {5}, loss=math.inf)
    finish(run)
    assert [line["step"] for line in run.metrics.lines] == list(range(1, 9))
    assert [line.get("rolled_back") for line in run.metrics.lines] == [None] * 3 + [1] * 5
    assert run.first_slot == (8 + 3) * ROWS, "batches 3 and 4 went with the bad one"
    (note,) = run.notes
    assert note.startswith("the loss of step 6 is inf")
    assert note.endswith("goes on behind its batch from step 3")


@pytest.mark.parametrize("answer", ["skip", "roll_back"])
@pytest.mark.parametrize("stops", [[2, 4, 5, 7], [5]])
def test_a_run_in_trouble_resumes_to_the_same_bits(training: Start, answer: str, stops: list[int]) -> None:
    settings = settings_of(non_finite=answer, anchor=3)
    whole = spoilt(training(settings, "whole"), {4, 7}, math.nan)
    finish(whole)
    for until in stops:  # seconds=0 checkpoints each step: also between the anchor and the bad batch
        finish(spoilt(training(settings, "broken"), {4, 7}, math.nan), until, seconds=0)
    broken = spoilt(training(settings, "broken"), {4, 7}, math.nan)
    assert broken.resumed_at == stops[-1]
    finish(broken)
    assert broken.metrics.path.read_bytes() == whole.metrics.path.read_bytes()
    assert broken.troubles == whole.troubles
    assert all(torch.equal(one, other) for one, other in zip(weights(whole), weights(broken), strict=True))


def test_a_run_killed_right_after_going_back_meets_the_same_batch_again(training: Start) -> None:
    settings = settings_of(non_finite="roll_back", anchor=3)
    whole = spoilt(training(settings, "whole"), {4}, math.nan)
    finish(whole)
    killed = spoilt(training(settings, "killed"), {4}, math.nan)
    finish(killed, until=4, seconds=0)
    killed.advance()  # goes back to 3 and takes step 4 anew, without a checkpoint
    assert (killed.step, killed.checkpoints.list_steps()[-1]) == (4, 3)
    resumed = spoilt(training(settings, "killed"), {4}, math.nan)
    assert resumed.resumed_at == 3
    finish(resumed)
    assert resumed.metrics.path.read_bytes() == whole.metrics.path.read_bytes()


@pytest.mark.parametrize("answer", ["skip", "roll_back"])
def test_a_run_that_does_not_recover_ends(training: Start, answer: str) -> None:
    run = spoilt(training(settings_of(non_finite=answer, anchor=2, most=3)), set(range(2, 50)), math.nan)
    with pytest.raises(StageFailure, match=r"loss of step 3 is nan.*after 3 answers to the like.*[Ll]ower"):
        finish(run)
    assert len(run.notes) == 3
