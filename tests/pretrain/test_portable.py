"""ONNX files open with onnxruntime, and the card says what they cost."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForMaskedLM

from tasks.failure import StageFailure
from tasks.model.onnx import Session, check_packages
from tasks.pretrain.export import export
from tasks.pretrain.loop import Training, train
from tasks.pretrain.portable import write_portable

from .conftest import small

# torch's exporter and onnx warn about themselves
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture
def onnx() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name}, of the extra `onnx`, is not installed")


def test_a_masked_model_in_float_and_in_8_bits(
    onnx: None, training: Callable[..., Training], tokens: Path, tmp_path: Path
) -> None:
    run = training(small(family="bert", onnx="int8", steps=4, validate_every=4))
    train(run, report=lambda *_: None, stopped=lambda: False, seconds=1e9)
    export(run, tokens / "tokenizer", tmp_path / "out", [])
    ids = torch.tensor([[2, 40, 41, 42, 43], [2, 50, 51, 52, 53]])
    with torch.no_grad():
        wanted = AutoModelForMaskedLM.from_pretrained(tmp_path / "out")(input_ids=ids).logits
    torch.testing.assert_close(Session(tmp_path / "out/onnx/model.onnx", 1)(ids), wanted, atol=1e-5, rtol=1e-5)
    assert Session(tmp_path / "out/onnx/model_int8.onnx", 1)(ids[:, :3]).shape == (2, 3, run.vocabulary.size)
    card = (tmp_path / "out/README.md").read_text()
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith(("| model.saf", "| onnx/"))]
    assert [row[0] for row in rows] == ["| model.safetensors", "| onnx/model.onnx", "| onnx/model_int8.onnx"]
    losses = [float(row[2]) for row in rows]
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
    assert losses[2] == pytest.approx(losses[0], abs=0.3)
    assert str(tmp_path).encode() not in (tmp_path / "out/onnx/model.onnx").read_bytes()


def test_a_causal_model_has_the_loss_of_its_texts(
    onnx: None, training: Callable[..., Training], tmp_path: Path
) -> None:
    run = training(small(onnx="float"))
    run.objective.exported(run.learner).save_pretrained(tmp_path / "out")
    original, portable = write_portable(run, tmp_path / "out")
    assert original.file == "model.safetensors"
    assert portable.loss == pytest.approx(original.loss, rel=1e-5)
    # the same texts, packed
    assert original.loss == pytest.approx(run.gradients.validation_loss(), rel=1e-4)
    assert original.distance == pytest.approx(0, abs=1e-6)


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(StageFailure, match=r"pretrain.onnx needs onnx. pip install 'textmill\[onnx\]'"):
        check_packages()


def test_encoder_decoders_are_refused() -> None:
    with pytest.raises(ValidationError, match="onnx is not for encoder–decoders as t5"):
        small(family="t5", objective={"kind": "span_corruption"}, onnx="float")
