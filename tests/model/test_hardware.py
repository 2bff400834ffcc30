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
    [
        ("TEXTMILL_DEVICE", "tpu"),
        ("TEXTMILL_PRECISION", "fp8"),
        ("TEXTMILL_THREADS", "0"),
        ("TEXTMILL_THREADS", "two"),
        ("TEXTMILL_ACTIVATIONS", "none"),
    ],
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


def test_each_rank_has_a_gpu_and_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEXTMILL_DEVICE", "TEXTMILL_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for name, value in {"TEXTMILL_PRECISION": "fp32", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert probe() == Hardware("cuda:1", "fp32", 4)


@pytest.mark.parametrize(("device", "chosen"), [("cpu", []), ("cuda", []), ("cuda:1", ["cuda:1"])])
def test_a_gpu_with_a_number_is_the_one_of_this_process(
    monkeypatch: pytest.MonkeyPatch, device: str, chosen: list[str]
) -> None:
    found: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    Hardware(device, "fp32", 1).apply()
    assert found == chosen
