"""Contrast between two passes of a text with different dropout: unsupervised SimCSE, arXiv:2104.08821 section 3.

With mean pooling, and without the MLP that the paper trains on the first token.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.text_spans import build_view
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.embedder import EmbeddingLearner
    from tasks.pretrain.learners.learner import Learner


class Simcse(Contrastive):
    """Find each text's twin, which differs by dropout only, among the twins of all texts."""

    dropout: float = Field(
        default=0.1, gt=0, lt=1, description="dropout probability; models have no dropout with other objectives"
    )

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: the texts, and two seeds of dropout for each row."""
        batch = build_view(rows, self.select_texts(rows), np.ones(rows.tokens.shape, dtype=bool))
        # Below 2^52: `integers` multiplies in doubles, which are exact up to 2^53.
        return {**batch, "seeds": random.integers("dropout", 2, 0, 1 << 52)}

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - adds no weights
        """Build the model with dropout, and without its vocabulary head."""
        from tasks.pretrain.learners.embedder import EmbeddingLearner  # noqa: PLC0415 - torch takes seconds to import

        return EmbeddingLearner(model, self.dropout)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of finding each text's twin among the twins of all texts."""
        import torch  # noqa: PLC0415 - takes seconds to import

        from tasks.pretrain.learners.embedder import match_texts  # noqa: PLC0415 - the same

        both_passes = {name: torch.cat([batch[name], batch[name]]) for name in ("tokens", "positions", "documents")}
        # (rows, 2) transposed and flattened: the first seeds of all rows, then the second ones, as the passes are
        # concatenated.
        embeddings = cast("EmbeddingLearner", learner).embed(both_passes, self.max_texts, batch["seeds"].T.flatten())
        anchors, twins = embeddings.chunk(2)
        return match_texts(anchors, twins, self.temperature)

    def after_step(self, learner: "Learner") -> None:
        """Switch dropout off at the end of the step."""
        cast("EmbeddingLearner", learner).stop_dropout()
