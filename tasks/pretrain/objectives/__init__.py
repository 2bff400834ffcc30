"""Pretraining objectives: how a batch is made of packed rows, and how its loss is computed. One file, one objective."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from tasks.block import Block
from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor
    from transformers import PreTrainedModel

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Objective(Block, ABC):
    """The task that a model is pretrained on."""

    model_kind: ClassVar[ModelKind]
    """kind of model that the objective needs"""
    needs_sentences: ClassVar[bool] = False
    """`make_batch` reads `Rows.sentences`"""
    loss_description: ClassVar[str] = "mean cross entropy of a predicted token, in nats"
    """meaning of the loss, for summaries and model cards"""
    has_perplexity: ClassVar[bool] = True
    """the loss is the cross entropy of tokens alone, so that its exponential is a perplexity"""
    compares_rows: ClassVar[bool] = False
    """`compute_loss` compares the rows of a micro-batch, so that smaller micro-batches change the task"""

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer lacks a special token that the objective needs."""

    @abstractmethod
    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch of some packed rows: a pure function of both arguments.

        Shapes must not depend on the rows' content, so that compiled models need not be compiled again.
        """

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - for objectives that add to it
        """Build the modules to train: the model, and what the objective adds, with random weights by `seed`."""
        from tasks.pretrain.learners.learner import Learner  # noqa: PLC0415 - torch takes seconds to import

        return Learner(model)

    @abstractmethod
    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the sum of the losses and the number of predictions of a micro-batch, both as scalars.

        The loop divides by the number of predictions in the step, over all micro-batches and ranks, so that a step has
        the same loss however it is split.
        """

    def after_step(self, learner: "Learner") -> None:
        """Update what the optimizer does not, after each of its steps: a momentum encoder, a queue."""

    def after_skipped_step(self, learner: "Learner") -> None:
        """Discard what `compute_loss` stored; called instead of `after_step` when a step diverged and is skipped."""

    def export_model(self, learner: "Learner") -> "PreTrainedModel":
        """Return the model to save when training is done."""
        return learner.module
