"""Runs of which only the loss is wanted, in the trainer's own process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.pretrain.trial import validation_loss_of
from tasks.store import Artifact
from tests.pretrain.conftest import small


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"THREADS": "1", "DEVICE": "cpu", "CHECKPOINT_SECONDS": "0"}.items():
        monkeypatch.setenv(f"TEXTMILL_{name}", value)


@pytest.mark.slow
def test_a_trial_ends_with_its_loss_and_leaves_nothing(
    tokens: Path, tmp_path: Path, as_artifact: Callable[[Path, str], Artifact]
) -> None:
    validations: list[tuple[float, float]] = []
    scratch = tmp_path / "trial"
    loss = validation_loss_of(
        small(), [as_artifact(tokens, "tokenize")], scratch, lambda *values: bool(validations.append(values))
    )
    assert [fraction for fraction, _ in validations] == [0.5, 1.0]
    assert loss == validations[-1][1] < validations[0][1]
    assert not scratch.exists()


@pytest.mark.slow
def test_a_pruned_trial_returns_none(
    tokens: Path, tmp_path: Path, as_artifact: Callable[[Path, str], Artifact]
) -> None:
    settings = small(steps=100_000, eval_interval=4)
    assert validation_loss_of(settings, [as_artifact(tokens, "tokenize")], tmp_path / "trial", lambda *_: True) is None
    assert not (tmp_path / "trial").exists()


def test_without_a_validation_loss_there_is_nothing_to_compare(
    tokens: Path, tmp_path: Path, as_artifact: Callable[[Path, str], Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.pretrain.trial.run_trainer", lambda *_: {"validation_loss": None})
    with pytest.raises(StageFailure, match="no validation documents"):
        validation_loss_of(small(), [as_artifact(tokens, "tokenize")], tmp_path / "trial", lambda *_: False)
