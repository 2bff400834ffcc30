"""A model that learns from another: a frozen one from a folder, or its own moving average.

Shape suffixes: N predicted places, D width, V vocabulary.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from tasks.errors import StageFailure
from tasks.model.families import FAMILIES, seeded
from tasks.model.packed import PackedModel
from tasks.model.projection import places_at_once
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.learners.momentum_encoder import frozen_copy


def read_teacher(folder: Path, model: PackedModel, vocabulary: Vocabulary) -> PackedModel:
    """The model in a transformers folder, frozen. Raises StageFailure when it cannot teach this one."""
    kind: Any = AutoModelForCausalLM if model.reads == "left" else AutoModelForMaskedLM
    try:
        module = kind.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, attn_implementation="sdpa", use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise _unfit(folder, f"cannot be read: {error}", "Give a folder of a model of the same kind") from error
    if module.config.model_type not in FAMILIES:
        raise _unfit(folder, f"is a {module.config.model_type}", f"Give a model of one of {', '.join(FAMILIES)}")
    if module.config.vocab_size != vocabulary.size:
        sizes = f"{module.config.vocab_size} tokens, and the tokenizer {vocabulary.size}"
        raise _unfit(folder, f"has {sizes}", "Teacher and student must share a tokenizer: set tokenize.tokenizer to it")
    return PackedModel(module.requires_grad_(False).eval(), model.reads)


def _unfit(folder: Path, why: str, mend: str) -> StageFailure:
    return StageFailure(f"pretrain.objective.distillation.teacher {folder} {why}", mend)


class Taught(Learner):
    """The student as `module`. A teacher that follows it is state; one from a folder is not, as it never changes."""

    def __init__(self, model: PackedModel, teacher: PackedModel | None, seed: int) -> None:
        super().__init__(model)
        self.teacher = teacher or frozen_copy(model)
        self.slow = None if teacher else self.teacher.module
        widths = model.module.config.hidden_size, self.teacher.module.config.hidden_size
        with seeded(seed):
            # as in FitNets, arXiv:1412.6550: a wider teacher's states are met by a projection
            self.projection = nn.Identity() if widths[0] == widths[1] else nn.Linear(*widths, bias=False)

    def losses(self, batch: Mapping[str, Tensor], temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the predicted places: distance from the tokens, from the teacher's guesses, from its hidden states.

        The second is the Kullback–Leibler divergence times the square of the temperature, the third 1 - cosine.
        """
        teacher: nn.Module = self.teacher.module
        teacher.to(batch["tokens"].device)
        student_ND = predicted(self.model, batch)
        with torch.no_grad():
            teacher_ND = predicted(self.teacher, batch)
        counts_N = batch["targets"].flatten() >= 0
        guessed = self.model.token_loss(student_ND, batch["targets"].flatten())
        soft = torch.zeros_like(guessed)
        assert self.model.head is not None, "token_loss was taken of it"
        size = places_at_once(self.model.head.weight)
        for part in zip(*(torch.split(each, size) for each in (student_ND, teacher_ND, counts_N)), strict=True):
            # the logits of all places would not fit: those of a part are made again for its gradient
            soft = soft + checkpoint(self._imitated, *part, temperature, use_reentrant=False)
        apart_N = 1 - torch.cosine_similarity(self.projection(student_ND).float(), teacher_ND.float(), dim=-1)
        return guessed, soft, apart_N.masked_fill(~counts_N, 0.0).sum()

    def _imitated(self, student_ND: Tensor, teacher_ND: Tensor, counts_N: Tensor, temperature: float) -> Tensor:
        expected_NV = (logits(self.teacher, teacher_ND) / temperature).softmax(-1)
        found_NV = (logits(self.model, student_ND) / temperature).log_softmax(-1)
        losses_N = functional.kl_div(found_NV, expected_NV, reduction="none").sum(-1) * temperature**2
        return losses_N.masked_fill(~counts_N, 0.0).sum()


def predicted(model: PackedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """Last hidden states (N, D) of the places that are predicted: all, if the batch does not say which."""
    hidden_ND = model.hidden(batch).flatten(0, 1)
    return hidden_ND.index_select(0, batch["places"]) if "places" in batch else hidden_ND


def logits(model: PackedModel, hidden_ND: Tensor) -> Tensor:
    """(N, V) in float32."""
    assert model.head is not None, "token_loss was taken of it"
    found: Tensor = model.head(model.transform(hidden_ND))
    return found.float()
