"""Models as ONNX files, in float32 and with int8 weights, for runtimes without torch.

The inputs are `input_ids` and `attention_mask`, both (batch, positions) of int64; the output is the model's first:
`logits`, or `last_hidden_state` of a model without a head. An encoder–decoder becomes two files, named as optimum names
them and their inputs; the decoder has no cache: it reads all tokens generated so far, and the encoder's states.

Shape suffixes: B rows, T positions in a row.
"""

import importlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.errors import StageFailure

REQUIRED_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class _OnnxExport:
    """One ONNX file to write: a module, example inputs by name to trace it with, and the name of its output."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    output: str


class _FirstOutput(nn.Module):
    """Wraps a model as a function from tensors to its first output."""

    def __init__(self, module: nn.Module, **arguments: Any) -> None:
        super().__init__()
        self.module, self.arguments = module, arguments

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        output: Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask, **self.arguments)[0]
        return output


class _DecoderStep(nn.Module):
    """Wraps an encoder–decoder as a function from the encoder's states and the target's tokens to logits."""

    def __init__(self, module: PreTrainedModel) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Tensor, encoder_hidden_states: Tensor, encoder_attention_mask: Tensor) -> Tensor:
        output: Tensor = self.module(
            decoder_input_ids=input_ids,
            encoder_outputs=(encoder_hidden_states,),
            attention_mask=encoder_attention_mask,
            use_cache=False,
        )[0]
        return output


def check_onnx_packages() -> None:
    """Raise StageFailure when a package that the export needs is missing."""
    for name in REQUIRED_PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise StageFailure(
                f"pretrain.onnx needs {name}", "pip install 'textmill[onnx]', or set pretrain.onnx to none"
            ) from error


def write_onnx(module: PreTrainedModel, folder: Path, *, causal: bool) -> list[Path]:
    """Write `model.onnx`, or `encoder_model.onnx` and `decoder_model.onnx`, for any batch size and length.

    The same model gives the same bytes. Returns the paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Remembered before anything is changed, to be put back below.
    training, attention = module.training, module.config._attn_implementation  # noqa: SLF001 - no public way to ask
    if module.config.is_encoder_decoder:
        module.set_attn_implementation("eager")  # the exporter fails on the strides that sdpa leaves in T5
    # Exported in evaluation mode, and put back as it was: the run may go on with the module.
    files = [_export_file(export, folder) for export in _list_exports(module.train(False), causal)]
    module.train(training).set_attn_implementation(attention)
    return files


def _list_exports(module: PreTrainedModel, causal: bool) -> list[_OnnxExport]:
    # Sizes above 1: torch.export takes sizes of 0 and 1 for constants.
    ids = torch.ones(2, 9, dtype=torch.long)
    mask = ids.clone()  # the exporter would merge one tensor, passed twice, into a single input
    text_inputs = {"input_ids": ids, "attention_mask": mask}
    if not module.config.is_encoder_decoder:
        output = "last_hidden_state" if module.get_output_embeddings() is None else "logits"  # type: ignore[no-untyped-call]
        return [
            _OnnxExport("model", _FirstOutput(module, **({"use_cache": False} if causal else {})), text_inputs, output)
        ]
    decoder_inputs = {
        # of another length than the source, or the exporter would take the two lengths for the same dimension
        "input_ids": torch.ones(2, 5, dtype=torch.long),
        "encoder_hidden_states": torch.zeros(2, 9, module.config.hidden_size),
        "encoder_attention_mask": mask,
    }
    return [
        _OnnxExport("encoder_model", _FirstOutput(module.get_encoder()), text_inputs, "last_hidden_state"),
        _OnnxExport("decoder_model", _DecoderStep(module), decoder_inputs, "logits"),
    ]


def _export_file(export: _OnnxExport, folder: Path) -> Path:
    path = folder / f"{export.name}.onnx"
    dynamic_dims = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    # The exporter logs through a logger of its own beside its warnings.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program: Any = torch.onnx.export(
            export.module,
            tuple(export.inputs.values()),
            dynamo=True,
            dynamic_shapes=dict.fromkeys(export.inputs, dynamic_dims),
            input_names=list(export.inputs),
            output_names=[export.output],
            verbose=False,
        )
    program.save(str(path))
    _strip_metadata(path)
    return path


def _strip_metadata(path: Path) -> None:
    """Remove each node's origin: paths of this machine, and most of the bytes of a small model's file."""
    onnx: Any = importlib.import_module("onnx")
    # External data would be inlined by the save below, so it is not loaded.
    model = onnx.load(str(path), load_external_data=False)
    for message in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.functions):
        message.ClearField("metadata_props")
        message.ClearField("doc_string")
    onnx.save(model, str(path))


def write_int8(path: Path) -> Path:
    """Write `…_int8.onnx` beside an ONNX file and return its path: int8 weights, activations quantized at run time."""
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    target = path.with_stem(f"{path.stem}_int8")
    logging.getLogger().addFilter(_is_not_quantization_advice)
    try:
        quantization.quantize_dynamic(str(path), str(target), weight_type=quantization.QuantType.QInt8)
    finally:
        logging.getLogger().removeFilter(_is_not_quantization_advice)
    return target


def _is_not_quantization_advice(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


class OnnxModel:
    """Runs ONNX files as a model: takes token ids without padding, and returns the first output.

    An encoder–decoder has two files, and takes the ids of the source and of the target, both (batch, positions).
    """

    def __init__(self, files: Sequence[Path], threads: int) -> None:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        self.sessions = [runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"]) for path in files]

    def __call__(self, ids_BT: Tensor, *target_ids_BT: Tensor) -> Tensor:
        mask = torch.ones_like(ids_BT).numpy()
        (output,) = self.sessions[0].run(None, {"input_ids": ids_BT.numpy(), "attention_mask": mask})
        # No turn of this loop for a model of one file, one turn for an encoder–decoder: `output` is then the encoder's
        # states.
        for decoder, ids in zip(self.sessions[1:], target_ids_BT, strict=True):
            inputs = {"input_ids": ids.numpy(), "encoder_hidden_states": output, "encoder_attention_mask": mask}
            (output,) = decoder.run(None, inputs)
        return torch.from_numpy(output)
