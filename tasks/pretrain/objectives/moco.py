"""Momentum contrast of two crops of a text: MoCo, arXiv:1911.05722; for text as in Contriever, arXiv:2112.09118."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.views import CropAndDelete
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.momentum_encoder import MomentumLearner


class Moco(Contrastive):
    """Find a text's other crop, embedded by a momentum encoder, among a queue of texts of previous steps.

    All negatives are in the queue, so a step is the same however it is split into micro-batches.
    """

    compares_rows: ClassVar[bool] = False

    text_unit: Literal["sentence", "document"] = "document"
    """the text that becomes one embedding"""
    augment: CropAndDelete = CropAndDelete()
    queue_size: int = Field(default=4096, ge=1, description="number of embeddings that are kept as negatives")
    momentum: float = Field(
        default=0.99, ge=0, lt=1, description="of the momentum encoder: near 1 it changes little in a step"
    )

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: two crops of each text, the query and the key."""
        return self.make_two_views(rows, self.augment, random, ("query", "key"))

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """Build the model, its momentum encoder, and a queue of random directions."""
        from tasks.pretrain.learners.momentum_encoder import MomentumLearner  # noqa: PLC0415 - torch takes seconds to import

        return MomentumLearner(model, self.queue_size, seed)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of each query's key among that key and the queue."""
        momentum_learner = cast("MomentumLearner", learner)
        key_batch = {"tokens": batch["tokens"], **{name: batch[f"key_{name}"] for name in ("positions", "documents")}}
        keys = momentum_learner.encode_keys(key_batch, self.max_texts)
        queries = momentum_learner.embed(batch, self.max_texts)
        return momentum_learner.compute_queue_loss(queries, keys, self.temperature)

    def after_step(self, learner: "Learner") -> None:
        """Put the new keys into the queue, and update the momentum encoder."""
        cast("MomentumLearner", learner).update_queue_and_encoder(self.momentum)

    def after_skipped_step(self, learner: "Learner") -> None:
        """Drop the keys of a step that is skipped."""
        cast("MomentumLearner", learner).new_keys.clear()
