"""Weights & Biases, offline: only when asked for."""

import sys
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.pretrain.monitoring.wandb_tracking import WandbRun


def test_nothing_is_tracked_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTMILL_WANDB", raising=False)
    wandb_run = WandbRun(tmp_path, {})
    wandb_run.log({"step": 1, "loss": 2.0})
    wandb_run.finish(0)
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WANDB", "words")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(StageFailure, match=r"wandb is not installed. pip install 'textmill\[wandb\]'"):
        WandbRun(tmp_path, {})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package itself
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_offline_run_holds_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb, the extra `wandb`, is not installed")
    for name, value in {"TEXTMILL_WANDB": "words", "WANDB_MODE": "offline", "WANDB_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    wandb_run = WandbRun(tmp_path, {"seed": 3})
    wandb_run.log({"step": 1, "loss": 2.5}, {"step": 1, "tokens_per_second": 10.0})
    wandb_run.finish(0)
    (kept,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = kept.read_bytes()
    for words in (b"words", b"seed", b"loss", b"tokens_per_second"):
        assert words in content
