"""Next-token prediction: GPT-2, Radford et al. 2019, section 2."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tasks.pretrain.objectives import IGNORED, Arrays, Objective, packed_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.randomness import Randomness
    from tasks.pretrain.rows import Rows


class Causal(Objective):
    """Guess each next token from those before it in the same document."""

    causal: ClassVar[bool] = True

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:  # noqa: ARG002 - nothing is hidden at random
        """Targets are the tokens one place to the left, where they belong to the same document."""
        targets = np.full_like(rows.tokens, IGNORED)
        follows = (rows.documents[:, 1:] == rows.documents[:, :-1]) & (rows.documents[:, 1:] >= 0)
        targets[:, :-1][follows] = rows.tokens[:, 1:][follows]
        return {**packed_inputs(rows), "targets": targets}

    def loss(self, model: "PackedModel", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of every token that has one before it."""
        targets = batch["targets"].flatten()
        return model.token_loss(model.hidden(batch).flatten(0, 1), targets), (targets >= 0).sum()
