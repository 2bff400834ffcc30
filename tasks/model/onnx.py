"""A model as ONNX, in float32 and with weights of 8 bits, for runtimes without torch.

Inputs `input_ids` and `attention_mask`, both (batch, places) of int64; the output is the model's first: `logits`, or
`last_hidden_state` of what has no head.
"""

import importlib
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.failure import StageFailure

INPUTS = ("input_ids", "attention_mask")
FLOAT, INT8 = "model.onnx", "model_int8.onnx"
NEEDED = ("onnx", "onnxscript", "onnxruntime")


class _Plain(nn.Module):
    """The model as a function of tensors."""

    def __init__(self, module: PreTrainedModel, causal: bool) -> None:
        super().__init__()
        self.module = module
        self.further = {"use_cache": False} if causal else {}

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found: Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask, **self.further)[0]
        return found


def check_packages() -> None:
    """Raise StageFailure when one is missing."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise StageFailure(
                f"pretrain.onnx needs {name}", "pip install 'textmill[onnx]', or set pretrain.onnx to none"
            ) from error


def write_onnx(module: PreTrainedModel, folder: Path, *, causal: bool) -> Path:
    """Write `model.onnx` for any number of texts of any length. The same model gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FLOAT
    given = (torch.ones(2, 9, dtype=torch.long), torch.ones(2, 9, dtype=torch.long))
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    output = "last_hidden_state" if module.get_output_embeddings() is None else "logits"  # type: ignore[no-untyped-call]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    training = module.training
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program: Any = torch.onnx.export(
            _Plain(module.train(False), causal),
            given,
            dynamo=True,
            dynamic_shapes=dict.fromkeys(INPUTS, sizes),
            input_names=list(INPUTS),
            output_names=[output],
            verbose=False,
        )
    module.train(training)
    program.save(str(path))
    _strip(path)
    return path


def _strip(path: Path) -> None:
    """Take out where each node comes from: this machine's paths, and most of a small model's file."""
    onnx: Any = importlib.import_module("onnx")
    model = onnx.load(str(path), load_external_data=False)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.functions):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, str(path))


def write_int8(path: Path) -> Path:
    """Write `model_int8.onnx` beside a `model.onnx`: weights of 8 bits, activations quantized as they come."""
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    target = path.with_name(INT8)
    logging.getLogger().addFilter(_of_quantization)
    try:
        quantization.quantize_dynamic(str(path), str(target), weight_type=quantization.QuantType.QInt8)
    finally:
        logging.getLogger().removeFilter(_of_quantization)
    return target


def _of_quantization(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


class Session:
    """An ONNX file as a model: token ids (batch, places) without padding in, its first output."""

    def __init__(self, path: Path, threads: int) -> None:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, ids_BT: Tensor) -> Tensor:
        given = {"input_ids": ids_BT.numpy(), "attention_mask": torch.ones_like(ids_BT).numpy()}
        return torch.from_numpy(self.session.run(None, given)[0])
