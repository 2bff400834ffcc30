"""Each text and its twin under other dropout noise are alike: SimCSE, arXiv:2104.08821 section 3, unsupervised.

With mean pooling, and without the MLP that the paper trains upon the first token.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.text_spans import view
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.embedder import Embedder
    from tasks.pretrain.learners.learner import Learner


class Simcse(Contrastive):
    """Tell each text's twin, which differs by dropout only, from all other texts."""

    dropout: float = Field(default=0.1, gt=0, lt=1, description="share that is dropped, though the model has none else")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The texts, and two seeds of noise for each row."""
        batch = view(rows, self.chosen(rows), np.ones(rows.tokens.shape, dtype=bool))
        return {**batch, "seeds": random.integers("dropout", 2, 0, 1 << 52)}

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - adds no weights
        """The model with dropout, and without its vocabulary head."""
        from tasks.pretrain.learners.embedder import Embedder  # noqa: PLC0415 - torch takes seconds to import

        return Embedder(model, self.dropout)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of each text's twin among the twins of all texts."""
        import torch  # noqa: PLC0415 - takes seconds to import

        from tasks.pretrain.learners.embedder import matched  # noqa: PLC0415 - the same

        twice = {name: torch.cat([batch[name], batch[name]]) for name in ("tokens", "positions", "documents")}
        embedded = cast("Embedder", learner).embedded(twice, self.texts, batch["seeds"].T.flatten())
        anchors, twins = embedded.chunk(2)
        return matched(anchors, twins, self.temperature)

    def stepped(self, learner: "Learner") -> None:
        """The noise ends with the step."""
        cast("Embedder", learner).quieten()
