"""Contrast between two views of a text: SimCLR, arXiv:2002.05709; the views are crops with some tokens deleted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

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
    from tasks.pretrain.learners.embedder import ProjectionLearner
    from tasks.pretrain.learners.learner import Learner


class Simclr(Contrastive):
    """Find a text's other view among all views of all texts."""

    text_unit: Literal["sentence", "document"] = "document"
    """the text that becomes one embedding"""
    augment: CropAndDelete = CropAndDelete()
    projection_dim: int = Field(
        default=128, ge=1, description="size of the projected embeddings that are compared; not exported"
    )

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: two views of each text."""
        return self.make_two_views(rows, self.augment, random, ("first", "second"))

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """Build the model with a projection, which is not exported."""
        from tasks.pretrain.learners.embedder import ProjectionLearner  # noqa: PLC0415 - torch takes seconds to import

        return ProjectionLearner(model, self.projection_dim, seed)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of finding the other view, in both directions."""
        import torch  # noqa: PLC0415 - takes seconds to import

        # First all first views, then all second ones, as `compute_nt_xent` expects them.
        views = {"tokens": torch.cat([batch["tokens"], batch["tokens"]])}
        views |= {name: torch.cat([batch[name], batch[f"second_{name}"]]) for name in ("positions", "documents")}
        return cast("ProjectionLearner", learner).compute_nt_xent(views, self.max_texts, self.temperature)
