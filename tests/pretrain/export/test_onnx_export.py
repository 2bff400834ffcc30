"""ONNX files open with onnxruntime, and the card says what they cost."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from tasks.errors import StageFailure
from tasks.model.onnx import OnnxModel, check_onnx_packages
from tasks.pretrain.export.export import export_model
from tasks.pretrain.export.onnx_export import export_portable_models
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import finish, small

SHORT_SPANS = {"kind": "mixture", "mixture": {"weights": {"extreme_corruption": 0}}}
# the exporter takes its time for each layer
SHAPE = {"num_layers": 1, "hidden_size": 32, "num_heads": 2, "max_length": 32}

# torch's exporter and onnx warn about themselves
pytestmark = [
    pytest.mark.slow,
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
    run = training(small(architecture={**SHAPE, "family": "bert"}, objective={"kind": "masked"}, onnx="int8", steps=4))
    finish(run)
    export_model(run, tokens / "tokenizer", tmp_path / "out", [])
    ids = torch.tensor([[2, 40, 41, 42, 43], [2, 50, 51, 52, 53]])
    with torch.no_grad():
        wanted = AutoModelForMaskedLM.from_pretrained(tmp_path / "out")(input_ids=ids).logits
    torch.testing.assert_close(OnnxModel([tmp_path / "out/onnx/model.onnx"], 1)(ids), wanted, atol=1e-5, rtol=1e-5)
    assert OnnxModel([tmp_path / "out/onnx/model_int8.onnx"], 1)(ids[:, :3]).shape == (2, 3, run.vocabulary.size)
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
    run = training(small(architecture={**SHAPE, "family": "gpt2"}, onnx="float"))
    run.objective.export_model(run.learner).save_pretrained(tmp_path / "out")
    original, portable = export_portable_models(run, tmp_path / "out")
    assert original.file == "model.safetensors"
    assert portable.loss == pytest.approx(original.loss, rel=1e-5)
    # the same texts, packed
    assert original.loss == pytest.approx(run.gradients.compute_validation_loss(), rel=1e-4)
    assert original.distance == pytest.approx(0, abs=1e-6)


def test_an_encoder_decoder_is_two_files(onnx: None, training: Callable[..., Training], tmp_path: Path) -> None:
    run = training(small(architecture={**SHAPE, "family": "t5"}, objective=SHORT_SPANS, onnx="int8"))
    run.objective.export_model(run.learner).save_pretrained(tmp_path)
    original, portable, small_one = export_portable_models(run, tmp_path)
    files = [tmp_path / name for name in portable.file.split(" + ")]
    assert [path.name for path in files] == ["encoder_model.onnx", "decoder_model.onnx"]
    assert small_one.file == "onnx/encoder_model_int8.onnx + onnx/decoder_model_int8.onnx"
    source, written = torch.randint(5, 400, (3, 21)), torch.randint(5, 400, (3, 4))
    with torch.no_grad():
        opened = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
        wanted = opened(input_ids=source, decoder_input_ids=written).logits
    torch.testing.assert_close(OnnxModel(files, 1)(source, written), wanted, atol=1e-5, rtol=1e-4)
    assert portable.loss == pytest.approx(original.loss, rel=1e-5)
    assert small_one.loss == pytest.approx(original.loss, abs=0.3)
    assert small_one.bytes < portable.bytes
    assert abs(portable.distance) < 1e-6 < small_one.distance
    # the same texts, packed
    assert original.loss == pytest.approx(run.gradients.compute_validation_loss(), rel=1e-4)


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(StageFailure, match=r"pretrain.onnx needs onnx. pip install 'textmill\[onnx\]'"):
        check_onnx_packages()
