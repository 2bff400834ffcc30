"""The exported model for other runtimes, and what that costs: its loss on the validation texts before and after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from tasks.model.onnx import Session, write_int8, write_onnx
from tasks.pretrain.loop import Training
from tasks.pretrain.objectives import IGNORED
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.randomness import Randomness

Model = Callable[[Tensor], Tensor]
Sample = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Portable:
    """A file of the model, its size, and how it does on the validation texts."""

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
    kind = type(run.objective.exported(run.learner))
    module: PreTrainedModel = kind.from_pretrained(folder)  # as it was saved, on the CPU

    def original(ids_BT: Tensor) -> Tensor:
        found: Tensor = module(input_ids=ids_BT)[0]
        return found

    path = write_onnx(module, folder / "onnx", causal=run.model.reads == "left")
    files = [path, write_int8(path)] if run.settings.onnx == "int8" else [path]
    samples, guesses = list(_samples(run)), module.get_output_embeddings() is not None  # type: ignore[no-untyped-call]
    models: dict[Path, Model] = {folder / "model.safetensors": original}
    models |= {each: Session(each, run.hardware.threads) for each in files}
    return [
        Portable(str(each.relative_to(folder)), each.stat().st_size, *_judged(model, original, samples, guesses))
        for each, model in models.items()
    ]


def _samples(run: Training) -> Iterator[Sample]:
    """Each validation text alone, with the tokens to guess: ids (1, T), targets (T,)."""
    slots = np.arange(run.corpus.num_validation, dtype=np.int64)
    if not len(slots):
        return
    rows = run.corpus.validation.at(slots, seed=0)
    objective = Causal() if run.model.reads == "left" else Masked()
    made = objective.make(rows, Randomness(0, slots))
    tokens, targets = made["tokens"], np.full(made["tokens"].shape, IGNORED)
    if "places" in made:
        targets.ravel()[made["places"]] = made["targets"]
    else:
        targets = made["targets"]
    for row in range(len(tokens)):
        for number in range(int(rows.documents[row].max()) + 1):
            own = rows.documents[row] == number
            yield torch.from_numpy(tokens[row, own][None]), torch.from_numpy(targets[row, own])


@torch.no_grad()
def _judged(model: Model, original: Model, samples: list[Sample], guesses: bool) -> tuple[float | None, float]:
    total, count, apart = 0.0, 0, 0.0
    for ids_BT, targets_T in samples:
        found, wanted = model(ids_BT), original(ids_BT)
        apart += 1 - float(functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0))
        if guesses:
            total += float(functional.cross_entropy(found[0], targets_T, ignore_index=IGNORED, reduction="sum"))
            count += int((targets_T != IGNORED).sum())
    return total / max(count, 1) if guesses else None, apart / max(len(samples), 1)
