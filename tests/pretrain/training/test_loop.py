from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.hardware import Hardware
from tasks.pretrain.monitoring.metrics import read_metrics
from tasks.pretrain.training.loop import Training, train
from tests.pretrain.conftest import finish, forty_steps, learnt, small
from tests.pretrain.event_files import read_points

Start = Callable[..., Training]


def weights(run: Training) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in run.model.module.named_parameters()}


@pytest.mark.parametrize("family", ["gpt2", "bert"])
@pytest.mark.parametrize("stops", [[3], [1, 4, 7]])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(training: Start, family: str, stops: list[int]) -> None:
    settings = small(family=family, patience=5)
    uninterrupted = training(settings, "uninterrupted")
    finish(uninterrupted)
    for until in stops:
        finish(training(settings, "stopped"), until)
    resumed = training(settings, "stopped")
    assert resumed.resumed_at == stops[-1]
    finish(resumed)
    assert all(torch.equal(tensor, weights(resumed)[name]) for name, tensor in weights(uninterrupted).items())
    state, other = uninterrupted.optimizers.get_state(), resumed.optimizers.get_state()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)
    assert uninterrupted.metrics.path.read_bytes() == resumed.metrics.path.read_bytes()
    assert read_points(uninterrupted.metrics.events.folder) == read_points(resumed.metrics.events.folder)


def test_records_behind_the_checkpoint_are_dropped_and_made_again(training: Start) -> None:
    run = training(small())
    finish(run, until=5)
    metrics_so_far = run.metrics.path.read_text()
    run.checkpoints.save(3, {}, {})  # torn: the files of step 3 are no checkpoint of this run
    for _ in range(2):
        run.advance()
    run.metrics.path.write_text(run.metrics.path.read_text() + '{"step": 8, "lo')
    resumed = training(small())
    assert resumed.progress.step == 5
    assert resumed.metrics.path.read_text() == metrics_so_far
    assert [line["step"] for line in finish(resumed)] == [6, 7, 8]


def test_when_checkpoints_are_written_changes_nothing(training: Start) -> None:
    often, seldom = training(small(), "often"), training(small(), "seldom")
    finish(often, seconds=0)
    finish(seldom)
    assert often.checkpoints.list_steps() == [7, 8]
    assert seldom.checkpoints.list_steps() == [8]
    assert all(torch.equal(tensor, weights(seldom)[name]) for name, tensor in weights(often).items())
    assert often.metrics.path.read_bytes() == seldom.metrics.path.read_bytes()


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_one_two_and_four_micro_batches_are_the_same_within_float_error(training: Start, family: str) -> None:
    runs = []
    for accumulation in (1, 2, 4):
        optimizer = {"kind": "adamw", "learning_rate": 1e-3}
        settings = small(family=family, batch={"batch_size": 8, "grad_accumulation": accumulation}, optimizer=optimizer)
        run = training(settings, f"in {accumulation}")
        lines = finish(run, until=4)
        runs.append((run, [line["loss"] for line in lines], [line["gradient_norm"] for line in lines]))
    for run, losses, norms in runs[1:]:
        assert losses == pytest.approx(runs[0][1], rel=1e-5)
        assert norms == pytest.approx(runs[0][2], rel=1e-4)
        for name, tensor in weights(runs[0][0]).items():
            torch.testing.assert_close(weights(run)[name], tensor, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "margin"), [("gpt2", 0.8), ("bert", 0.5)])
@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_a_tiny_run_on_real_text_learns(training: Start, family: str, kind: str, margin: float) -> None:
    optimizer = {"kind": kind, "learning_rate": 0.01}
    run = training(forty_steps(family=family, eval_interval=20, optimizer=optimizer))
    assert learnt(run) > margin
    assert [line["step"] for line in run.metrics.records if "validation_loss" in line] == [20, 40]


def test_the_gradient_is_clipped_to_the_norm(training: Start) -> None:
    run = training(small(optimizer={"max_grad_norm": 0.01, "kind": "adamw"}))
    run.gradients.accumulate(np.arange(4))
    before = run.gradients.clip()
    assert before > 0.01
    assert run.gradients.clip() == pytest.approx(0.01, rel=1e-4)
    run = training(small(optimizer={"max_grad_norm": 0}), "unclipped")
    run.gradients.accumulate(np.arange(4))
    assert run.gradients.clip() == pytest.approx(run.gradients.clip(), rel=1e-6)


def test_a_loss_that_is_not_finite_names_the_step_and_leaves_the_checkpoint(training: Start) -> None:
    run = training(small())
    finish(run, until=2)
    with torch.no_grad():
        run.model.head.weight[7] = float("nan")
    with pytest.raises(StageFailure, match=r"the loss of step 3 is nan.*[Ll]ower"):
        finish(run)
    resumed = training(small())
    assert resumed.progress.step == 2
    assert all(torch.isfinite(tensor).all() for tensor in weights(resumed).values())


def test_patience_stops_early_and_takes_the_best_weights(training: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small(steps=20, eval_interval=2, patience=2)
    losses = iter([5.0, 4.0, 4.5, 4.2])
    run = training(settings)
    monkeypatch.setattr(run.gradients, "compute_validation_loss", lambda: next(losses))
    weights_by_step: dict[int, dict[str, torch.Tensor]] = {}
    train(
        run,
        report=lambda at, _: weights_by_step.update({at.progress.step: weights(at)}),
        stopped=lambda: False,
        seconds=0,
    )
    progress = run.progress
    assert (progress.step, progress.best_loss, progress.best_step, run.is_done) == (8, 4.0, 4, True)
    assert run.checkpoints.list_steps() == [4, 7, 8]
    again = training(settings)
    progress = again.progress
    assert (again.is_done, progress.best_loss, progress.best_step, progress.validations_since_best) == (True, 4.0, 4, 2)
    again.checkpointer.load_final_weights()
    assert all(torch.equal(tensor, weights_by_step[4][name]) for name, tensor in weights(again).items())


def test_validation_is_the_same_each_time_and_leaves_no_trace(training: Start) -> None:
    run = training(small(family="bert"))
    assert run.gradients.compute_validation_loss() == run.gradients.compute_validation_loss()
    assert all(parameter.grad is None for parameter in run.gradients.parameters)


@pytest.mark.slow
def test_bf16_learns_too_and_keeps_float32_weights(tokens: Path, tmp_path: Path) -> None:
    run = Training(small(steps=20, batch={"batch_size": 16}), [tokens], tmp_path, Hardware("cpu", "bf16", 1))
    lines = finish(run)
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.5
    assert {tensor.dtype for tensor in weights(run).values()} == {torch.float32}


def test_fewer_rows_than_a_batch_are_refused_with_the_numbers(training: Start) -> None:
    with pytest.raises(StageFailure, match=r"training tokens fill \d+ rows of 32, and one batch needs 100000"):
        training(small(batch={"batch_size": 100000}))


def test_patience_without_validation_documents_is_refused(training: Start, tokens: Path, tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()
    for name in ("train", "tokenizer"):
        (tmp_path / "tokens" / name).symlink_to(tokens / name)
    with pytest.raises(StageFailure, match="hold no validation documents"):
        Training(small(patience=1), [tmp_path / "tokens"], tmp_path / "run", Hardware("cpu", "fp32", 1))
    run = Training(small(), [tmp_path / "tokens"], tmp_path / "run", Hardware("cpu", "fp32", 1))
    assert "validation_loss" not in finish(run)[-1]


def test_checkpoints_of_other_settings_are_not_taken_for_ours(training: Start) -> None:
    finish(training(small()))
    with pytest.raises(StageFailure, match="holds checkpoints of other settings"):
        training(small(seed=1))


def test_metrics_have_one_record_a_step_and_no_times(training: Start) -> None:
    run = training(small())
    finish(run)
    lines = read_metrics(run.metrics.path)
    assert [line["step"] for line in lines] == list(range(1, 9))
    names = {"step", "tokens", "loss", "gradient_norm", "learning_rate_factor"}
    assert [set(line) - names for line in lines] == [set()] * 3 + [{"validation_loss"}] + [set()] * 3 + [
        {"validation_loss"}
    ]


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_recomputed_activations_give_the_same_bits(training: Start, tokens: Path, tmp_path: Path, family: str) -> None:
    kept = training(small(family=family), "kept")
    recomputed = Training(
        small(family=family), [tokens], tmp_path / "recomputed", Hardware("cpu", "fp32", 1, "recompute")
    )
    assert any(getattr(part, "gradient_checkpointing", False) for part in recomputed.model.module.modules())
    finish(kept)
    finish(recomputed)
    assert kept.metrics.path.read_bytes() == recomputed.metrics.path.read_bytes()
    assert all(torch.equal(tensor, weights(recomputed)[name]) for name, tensor in weights(kept).items())
