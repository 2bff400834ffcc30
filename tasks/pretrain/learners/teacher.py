"""Distillation: a student learns from a frozen teacher of a folder, or from its own moving average.

Shape suffixes: N predicted positions, D hidden size, V vocabulary.
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
from tasks.model.families import FAMILIES, fork_seeded_rng
from tasks.model.load_from_folder import load_model_from_folder
from tasks.model.packed import PackedModel
from tasks.model.projection import choose_chunk_size
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.learners.momentum_encoder import copy_frozen


def load_teacher(folder: Path, model: PackedModel, vocabulary: Vocabulary) -> PackedModel:
    """Load the model of a transformers folder, frozen. Raises StageFailure when it cannot teach `model`."""
    model_class: Any = AutoModelForCausalLM if model.model_kind == "decoder" else AutoModelForMaskedLM
    try:
        module = load_model_from_folder(model_class, folder, dtype=torch.float32, attn_implementation="sdpa")
    except (OSError, ValueError) as error:
        raise _teacher_error(folder, f"cannot be read: {error}", "Give a folder of a model of the same kind") from error
    if module.config.model_type not in FAMILIES:
        raise _teacher_error(
            folder, f"is a {module.config.model_type}", f"Give a model of one of {', '.join(FAMILIES)}"
        )
    if module.config.vocab_size != vocabulary.size:
        sizes = f"{module.config.vocab_size} tokens, and the tokenizer {vocabulary.size}"
        raise _teacher_error(
            folder, f"has {sizes}", "Teacher and student must share a tokenizer: set tokenize.tokenizer to it"
        )
    return PackedModel(module.requires_grad_(False).eval(), model.model_kind)


def _teacher_error(folder: Path, problem: str, hint: str) -> StageFailure:
    return StageFailure(f"pretrain.objective.distillation.teacher {folder} {problem}", hint)


class DistillationLearner(Learner):
    """Holds the student as `module`, and its teacher.

    A teacher that is the student's moving average is saved as `slow`; one from a folder is not, as it never changes.
    """

    def __init__(self, model: PackedModel, teacher: PackedModel | None, seed: int) -> None:
        super().__init__(model)
        # A PackedModel is no nn.Module, so its weights are in no checkpoint unless `slow` below makes them so.
        self.teacher = teacher or copy_frozen(model)
        self.slow = None if teacher else self.teacher.module
        widths = model.module.config.hidden_size, self.teacher.module.config.hidden_size
        with fork_seeded_rng(seed):
            # as in FitNets, arXiv:1412.6550: a projection to the size of the teacher's states, if it differs
            self.projection = nn.Identity() if widths[0] == widths[1] else nn.Linear(*widths, bias=False)

    def compute_losses(self, batch: Mapping[str, Tensor], temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return three sums over the predicted positions, each a scalar.

        The cross entropy of the tokens, the Kullback–Leibler divergence from the teacher's predictions times the square
        of the temperature, and the cosine distance of the last hidden states.
        """
        # a teacher from a folder is no submodule, so `learner.to(device)` has not moved it
        teacher: nn.Module = self.teacher.module
        teacher.to(batch["tokens"].device)
        student_ND = compute_predicted_states(self.model, batch)
        with torch.no_grad():
            teacher_ND = compute_predicted_states(self.teacher, batch)
        # Positions without a target are computed too, as shapes are static, and count nothing.
        counted_N = batch["targets"].flatten() >= 0
        token_loss = self.model.compute_token_loss(student_ND, batch["targets"].flatten())
        divergence = torch.zeros_like(token_loss)
        assert self.model.head is not None, "token_loss was taken of it"
        chunk_size = choose_chunk_size(self.model.head.weight)
        for chunk in zip(
            *(torch.split(tensor, chunk_size) for tensor in (student_ND, teacher_ND, counted_N)), strict=True
        ):
            # The logits of all positions would not fit into memory: a chunk's are recomputed for its gradient.
            divergence = divergence + checkpoint(self._divergence, *chunk, temperature, use_reentrant=False)
        distances_N = 1 - torch.cosine_similarity(self.projection(student_ND).float(), teacher_ND.float(), dim=-1)
        return token_loss, divergence, distances_N.masked_fill(~counted_N, 0.0).sum()

    def _divergence(self, student_ND: Tensor, teacher_ND: Tensor, counted_N: Tensor, temperature: float) -> Tensor:
        teacher_NV = (compute_logits(self.teacher, teacher_ND) / temperature).softmax(-1)
        student_NV = (compute_logits(self.model, student_ND) / temperature).log_softmax(-1)
        losses_N = functional.kl_div(student_NV, teacher_NV, reduction="none").sum(-1) * temperature**2
        return losses_N.masked_fill(~counted_N, 0.0).sum()


def compute_predicted_states(model: PackedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """Return the last hidden states (N, D) of the predicted positions: of all, if the batch does not name them."""
    hidden_ND = model.compute_hidden(batch).flatten(0, 1)
    return hidden_ND.index_select(0, batch["predicted_indices"]) if "predicted_indices" in batch else hidden_ND


def compute_logits(model: PackedModel, hidden_ND: Tensor) -> Tensor:
    """Return the logits (N, V) in float32."""
    assert model.head is not None, "token_loss was taken of it"
    logits: Tensor = model.head(model.transform(hidden_ND))
    return logits.float()
