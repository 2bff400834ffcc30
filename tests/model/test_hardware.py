import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.hardware import Hardware, detect_hardware


def test_the_environment_decides_over_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_DEVICE", "cpu")
    monkeypatch.setenv("TEXTMILL_PRECISION", "bf16")
    monkeypatch.setenv("TEXTMILL_THREADS", "3")
    assert detect_hardware() == Hardware("cpu", "bf16", 3)


@pytest.mark.parametrize(
    ("capabilities", "precision"), [({}, "fp32"), ({"avx512_f": True}, "fp32"), ({"avx512_bf16": True}, "bf16")]
)
def test_a_cpu_gets_bf16_only_with_units_for_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setenv("TEXTMILL_DEVICE", "cpu")
    monkeypatch.delenv("TEXTMILL_PRECISION", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert detect_hardware().precision == precision


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEXTMILL_DEVICE", "tpu"),
        ("TEXTMILL_PRECISION", "fp8"),
        ("TEXTMILL_THREADS", "0"),
        ("TEXTMILL_THREADS", "two"),
        ("TEXTMILL_ACTIVATIONS", "none"),
        ("TEXTMILL_PARALLEL", "split"),
        ("TEXTMILL_ATTENTION", "flex"),
        ("TEXTMILL_COMPILE", "maybe"),
    ],
)
def test_an_unknown_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StageFailure, match=f"{name} is '{value}'"):
        detect_hardware()


def test_a_gpu_that_is_asked_for_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TEXTMILL_DEVICE", "cuda")
    with pytest.raises(StageFailure, match="torch sees no GPU"):
        detect_hardware()


def test_each_rank_has_a_gpu_and_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEXTMILL_DEVICE", "TEXTMILL_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for name, value in {"TEXTMILL_PRECISION": "fp32", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert detect_hardware() == Hardware("cuda:1", "fp32", 4, compiles=True)


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, generation: int) -> None:
    monkeypatch.setenv("TEXTMILL_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (generation, 0))
    for name in ("TEXTMILL_PRECISION", "TEXTMILL_ATTENTION", "TEXTMILL_COMPILE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("generation", "attention"), [(9, "varlen"), (8, "varlen"), (7, "sdpa")])
def test_a_gpu_compiles_and_attends_by_documents_if_it_can(
    monkeypatch: pytest.MonkeyPatch, generation: int, attention: str
) -> None:
    pretend_gpu(monkeypatch, generation)
    assert (detect_hardware().attention, detect_hardware().compiles) == (attention, True)
    monkeypatch.setenv("TEXTMILL_ATTENTION", "sdpa")
    monkeypatch.setenv("TEXTMILL_COMPILE", "no")
    assert (detect_hardware().attention, detect_hardware().compiles) == ("sdpa", False)


@pytest.mark.parametrize(("generation", "precision"), [(7, "bf16"), (9, "fp32")])
def test_unsupported_attention_is_refused(monkeypatch: pytest.MonkeyPatch, generation: int, precision: str) -> None:
    pretend_gpu(monkeypatch, generation)
    monkeypatch.setenv("TEXTMILL_PRECISION", precision)
    monkeypatch.setenv("TEXTMILL_ATTENTION", "varlen")
    with pytest.raises(StageFailure, match=f"TEXTMILL_ATTENTION is varlen.*not {precision}"):
        detect_hardware()


@pytest.mark.parametrize(("device", "chosen"), [("cpu", []), ("cuda", []), ("cuda:1", ["cuda:1"])])
def test_a_gpu_with_a_number_is_the_one_of_this_process(
    monkeypatch: pytest.MonkeyPatch, device: str, chosen: list[str]
) -> None:
    devices: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", devices.append)
    Hardware(device, "fp32", 1).configure_process()
    assert devices == chosen
