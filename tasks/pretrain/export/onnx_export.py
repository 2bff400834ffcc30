"""The exported model as ONNX, and what that costs: its loss on the validation texts before and after.

Shape suffixes: B rows, T positions in a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from tasks.model.load_from_folder import load_model_from_folder
from tasks.model.onnx import OnnxModel, write_int8, write_onnx
from tasks.pretrain.data.arrays import IGNORE_INDEX
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.mixture import Mixture
from tasks.pretrain.training.loop import Training

PortableForward = Callable[..., Tensor]
ValidationText = tuple[tuple[Tensor, ...], Tensor]
"""the model's inputs, each (1, T): for an encoder–decoder its source and its shifted targets; then the targets (T,)"""


@dataclass(frozen=True)
class PortableModel:
    """A file of the model (of an encoder–decoder two), its size, and how it does on the validation texts."""

    file: str
    bytes: int
    loss: float | None
    """mean cross entropy in nats, each text read alone; None for a model that predicts no tokens"""
    distance: float
    """mean of 1 − cosine between its outputs and those of the trained model"""


def export_portable_models(run: Training, folder: Path) -> list[PortableModel]:
    """Write ONNX files of the model in `folder`, as the settings ask, and measure them. Empty when they ask for none.

    The first of the returned models is the original.
    """
    if run.settings.onnx == "none":
        return []
    kind = type(run.objective.export_model(run.learner))
    module: PreTrainedModel = load_model_from_folder(kind, folder)  # as it was saved, on the CPU

    def original(*ids_BT: Tensor) -> Tensor:
        output: Tensor = module(**dict(zip(("input_ids", "decoder_input_ids"), ids_BT, strict=False)))[0]
        return output

    files = write_onnx(module, folder / "onnx", causal=run.model.model_kind == "decoder")
    variants = [files, list(map(write_int8, files))] if run.settings.onnx == "int8" else [files]
    texts = list(_load_validation_texts(run))
    predicts_tokens = module.get_output_embeddings() is not None  # type: ignore[no-untyped-call]
    models: list[tuple[list[Path], PortableForward]] = [([folder / "model.safetensors"], original)]
    models += [(paths, OnnxModel(paths, run.hardware.threads)) for paths in variants]
    return [
        _describe_portable_model(folder, paths, *_compare_outputs(model, original, texts, predicts_tokens))
        for paths, model in models
    ]


def _describe_portable_model(folder: Path, files: list[Path], loss: float | None, distance: float) -> PortableModel:
    names = " + ".join(str(path.relative_to(folder)) for path in files)
    return PortableModel(names, sum(path.stat().st_size for path in files), loss, distance)


def _load_validation_texts(run: Training) -> Iterator[ValidationText]:
    """Yield each validation text alone, with the tokens to predict: ONNX sessions read no packed rows."""
    samples = np.arange(run.data.num_validation, dtype=np.int64)
    if not len(samples):
        return
    arrays = _find_token_objective(run).make_batch(
        run.data.validation.read_samples(samples, seed=0), Randomness(0, samples)
    )
    tokens, documents, targets = arrays["tokens"], arrays["documents"], arrays["targets"]
    if "predicted_indices" in arrays:  # targets only of the positions that are predicted: spread them over the rows
        targets = np.full_like(tokens, IGNORE_INDEX)
        # ravel of a new array is a view, so the assignment reaches `targets`.
        targets.ravel()[arrays["predicted_indices"]] = arrays["targets"]
    for row, target_documents in enumerate(arrays.get("decoder_documents", documents)):
        for document in range(int(target_documents.max()) + 1):
            text_targets = targets[row, target_documents == document]
            inputs = [tokens[row, documents[row] == document]]
            if run.model.model_kind == "encoder_decoder":
                # Shifted by one behind the start token, as the packed model shifts them itself.
                inputs.append(np.append(run.model.module.config.decoder_start_token_id, text_targets[:-1]))
            if len(text_targets):  # nothing may be masked in a short text
                yield tuple(torch.from_numpy(ids[None]) for ids in inputs), torch.from_numpy(text_targets)


def _find_token_objective(run: Training) -> Objective:
    """Return an objective whose loss is one of tokens, by which a text alone can be judged."""
    if run.model.model_kind != "encoder_decoder":
        return Causal() if run.model.model_kind == "decoder" else Masked()
    return run.objective.active_parts()[0][1] if isinstance(run.objective, Mixture) else run.objective


@torch.no_grad()
def _compare_outputs(
    model: PortableForward, original: PortableForward, texts: list[ValidationText], predicts_tokens: bool
) -> tuple[float | None, float]:
    """Return a model's loss on the texts, and the mean distance of its outputs from the original's."""
    loss_sum, count, distance_sum = 0.0, 0, 0.0
    for inputs, targets_T in texts:
        output, expected = model(*inputs), original(*inputs)
        distance_sum += 1 - float(functional.cosine_similarity(output.flatten(), expected.flatten(), dim=0))
        if predicts_tokens:
            loss_sum += float(
                functional.cross_entropy(output[0], targets_T, ignore_index=IGNORE_INDEX, reduction="sum")
            )
            count += int((targets_T != IGNORE_INDEX).sum())
    return loss_sum / max(count, 1) if predicts_tokens else None, distance_sum / max(len(texts), 1)
