import pytest
import torch

from tasks.failure import StageFailure
from tasks.model.hardware import Hardware, probe


def test_the_environment_decides_over_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_DEVICE", "cpu")
    monkeypatch.setenv("TEXTMILL_PRECISION", "bf16")
    monkeypatch.setenv("TEXTMILL_THREADS", "3")
    assert probe() == Hardware("cpu", "bf16", 3)


@pytest.mark.parametrize(
    ("capabilities", "precision"), [({}, "fp32"), ({"avx512_f": True}, "fp32"), ({"avx512_bf16": True}, "bf16")]
)
def test_a_cpu_gets_bf16_only_with_units_for_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setenv("TEXTMILL_DEVICE", "cpu")
    monkeypatch.delenv("TEXTMILL_PRECISION", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert probe().precision == precision


@pytest.mark.parametrize(
    ("name", "value"),
    [("TEXTMILL_DEVICE", "tpu"), ("TEXTMILL_PRECISION", "fp8"), ("TEXTMILL_THREADS", "0"), ("TEXTMILL_THREADS", "two")],
)
def test_what_is_not_there_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StageFailure, match=f"{name} is '{value}'"):
        probe()


def test_a_gpu_that_is_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TEXTMILL_DEVICE", "cuda")
    with pytest.raises(StageFailure, match="torch sees no GPU"):
        probe()
