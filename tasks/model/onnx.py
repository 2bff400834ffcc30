"""A model as ONNX, in float32 and with weights of 8 bits, for runtimes without torch.

Inputs `input_ids` and `attention_mask`, both (batch, places) of int64; the output is the model's first: `logits`, or
`last_hidden_state` of what has no head. An encoder–decoder is two files with the names that optimum gives them and
their inputs: the decoder, without a cache, reads all of what was written so far, and the encoder's states.
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

NEEDED = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class _Part:
    """What becomes a file: a function of tensors, those it is traced with by name, and how its output is called."""

    name: str
    module: nn.Module
    given: dict[str, Tensor]
    output: str


class _Plain(nn.Module):
    """A model as a function of tensors."""

    def __init__(self, module: nn.Module, **further: Any) -> None:
        super().__init__()
        self.module, self.further = module, further

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found: Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask, **self.further)[0]
        return found


class _Decoder(nn.Module):
    """An encoder–decoder behind its encoder."""

    def __init__(self, module: PreTrainedModel) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Tensor, encoder_hidden_states: Tensor, encoder_attention_mask: Tensor) -> Tensor:
        found: Tensor = self.module(
            decoder_input_ids=input_ids,
            encoder_outputs=(encoder_hidden_states,),
            attention_mask=encoder_attention_mask,
            use_cache=False,
        )[0]
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


def write_onnx(module: PreTrainedModel, folder: Path, *, causal: bool) -> list[Path]:
    """Write `model.onnx`, or `encoder_model.onnx` and `decoder_model.onnx`, for any number of texts of any length.

    The same model gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training, attention = module.training, module.config._attn_implementation  # noqa: SLF001 - no public way to ask
    if module.config.is_encoder_decoder:
        module.set_attn_implementation("eager")  # the exporter stumbles over the strides that T5's other one leaves
    files = [_written(part, folder) for part in _parts(module.train(False), causal)]
    module.train(training).set_attn_implementation(attention)
    return files


def _parts(module: PreTrainedModel, causal: bool) -> list[_Part]:
    ids = torch.ones(2, 9, dtype=torch.long)
    mask = ids.clone()  # the very same tensor would become one input
    text = {"input_ids": ids, "attention_mask": mask}
    if not module.config.is_encoder_decoder:
        output = "last_hidden_state" if module.get_output_embeddings() is None else "logits"  # type: ignore[no-untyped-call]
        return [_Part("model", _Plain(module, **({"use_cache": False} if causal else {})), text, output)]
    written = {
        "input_ids": torch.ones(2, 5, dtype=torch.long),  # of another length, or the two would be taken for one
        "encoder_hidden_states": torch.zeros(2, 9, module.config.hidden_size),
        "encoder_attention_mask": mask,
    }
    return [
        _Part("encoder_model", _Plain(module.get_encoder()), text, "last_hidden_state"),
        _Part("decoder_model", _Decoder(module), written, "logits"),
    ]


def _written(part: _Part, folder: Path) -> Path:
    path = folder / f"{part.name}.onnx"
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program: Any = torch.onnx.export(
            part.module,
            tuple(part.given.values()),
            dynamo=True,
            dynamic_shapes=dict.fromkeys(part.given, sizes),
            input_names=list(part.given),
            output_names=[part.output],
            verbose=False,
        )
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
    """Write `…_int8.onnx` beside an ONNX file: weights of 8 bits, activations quantized as they come."""
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    target = path.with_stem(f"{path.stem}_int8")
    logging.getLogger().addFilter(_of_quantization)
    try:
        quantization.quantize_dynamic(str(path), str(target), weight_type=quantization.QuantType.QInt8)
    finally:
        logging.getLogger().removeFilter(_of_quantization)
    return target


def _of_quantization(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


class Session:
    """ONNX files as a model: token ids without padding in, its first output.

    Of an encoder–decoder the files are both, and the ids are (batch, places) of the source and of what is written.
    """

    def __init__(self, files: Sequence[Path], threads: int) -> None:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        self.parts = [runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"]) for path in files]

    def __call__(self, ids_BT: Tensor, *written_BT: Tensor) -> Tensor:
        mask = torch.ones_like(ids_BT).numpy()
        (found,) = self.parts[0].run(None, {"input_ids": ids_BT.numpy(), "attention_mask": mask})
        for decoder, ids in zip(self.parts[1:], written_BT, strict=True):
            given = {"input_ids": ids.numpy(), "encoder_hidden_states": found, "encoder_attention_mask": mask}
            (found,) = decoder.run(None, given)
        return torch.from_numpy(found)
