"""The exported model for other runtimes, and what that costs: its loss on the validation texts before and after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from tasks.model.onnx import OnnxModel, write_int8, write_onnx
from tasks.pretrain.data.arrays import IGNORE_INDEX
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.mixture import Mixture
from tasks.pretrain.training.loop import Training

Model = Callable[..., Tensor]
Sample = tuple[tuple[Tensor, ...], Tensor]
"""what a model reads, each (1, T), an encoder–decoder its source and what stands before the targets; targets (T,)"""


@dataclass(frozen=True)
class Portable:
    """A file of the model (of an encoder–decoder two), its size, and how it does on the validation texts."""

    file: str
    bytes: int
    loss: float | None
    """mean cross entropy in nats, each text read alone; None for a model that guesses no tokens"""
    distance: float
    """mean of 1 − cosine between its outputs and those of the trained model"""


def write_portable(run: Training, folder: Path) -> list[Portable]:
    """Write ONNX files of the model that stands in `folder`, as the settings ask. Empty when they ask for none."""
    if run.settings.onnx == "none":
        return []
    kind = type(run.objective.export_model(run.learner))
    module: PreTrainedModel = kind.from_pretrained(folder)  # as it was saved, on the CPU

    def original(*ids_BT: Tensor) -> Tensor:
        found: Tensor = module(**dict(zip(("input_ids", "decoder_input_ids"), ids_BT, strict=False)))[0]
        return found

    files = write_onnx(module, folder / "onnx", causal=run.model.model_kind == "decoder")
    variants = [files, list(map(write_int8, files))] if run.settings.onnx == "int8" else [files]
    samples, guesses = list(_samples(run)), module.get_output_embeddings() is not None  # type: ignore[no-untyped-call]
    models: list[tuple[list[Path], Model]] = [([folder / "model.safetensors"], original)]
    models += [(each, OnnxModel(each, run.hardware.threads)) for each in variants]
    return [_portable(folder, files, *_judged(model, original, samples, guesses)) for files, model in models]


def _portable(folder: Path, files: list[Path], loss: float | None, distance: float) -> Portable:
    names = " + ".join(str(path.relative_to(folder)) for path in files)
    return Portable(names, sum(path.stat().st_size for path in files), loss, distance)


def _samples(run: Training) -> Iterator[Sample]:
    """Each validation text alone, with the tokens to guess."""
    slots = np.arange(run.corpus.num_validation, dtype=np.int64)
    if not len(slots):
        return
    made = _task(run).make_batch(run.corpus.validation.read_samples(slots, seed=0), Randomness(0, slots))
    tokens, documents, targets = made["tokens"], made["documents"], made["targets"]
    if "predicted_indices" in made:
        targets = np.full_like(tokens, IGNORE_INDEX)
        targets.ravel()[made["predicted_indices"]] = made["targets"]
    for row, places in enumerate(made.get("decoder_documents", documents)):
        for number in range(int(places.max()) + 1):
            text, wanted = tokens[row, documents[row] == number], targets[row, places == number]
            given = [text]
            if run.model.model_kind == "encoder_decoder":
                given.append(np.append(run.model.module.config.decoder_start_token_id, wanted[:-1]))
            if len(wanted):  # nothing may be hidden in a short text
                yield tuple(torch.from_numpy(each[None]) for each in given), torch.from_numpy(wanted)


def _task(run: Training) -> Objective:
    """What a text alone can be judged by: not every objective's loss is one of tokens."""
    if run.model.model_kind != "encoder_decoder":
        return Causal() if run.model.model_kind == "decoder" else Masked()
    return run.objective.active_parts()[0][1] if isinstance(run.objective, Mixture) else run.objective


@torch.no_grad()
def _judged(model: Model, original: Model, samples: list[Sample], guesses: bool) -> tuple[float | None, float]:
    total, count, apart = 0.0, 0, 0.0
    for given, targets_T in samples:
        found, wanted = model(*given), original(*given)
        apart += 1 - float(functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0))
        if guesses:
            total += float(functional.cross_entropy(found[0], targets_T, ignore_index=IGNORE_INDEX, reduction="sum"))
            count += int((targets_T != IGNORE_INDEX).sum())
    return total / max(count, 1) if guesses else None, apart / max(len(samples), 1)
