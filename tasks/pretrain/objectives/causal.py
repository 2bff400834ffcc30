"""Next-token prediction: GPT-2, Radford et al. 2019, section 2; and filling in the middle, arXiv:2207.14255."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tasks.model.architecture import Reads
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.fill_in_middle import infilled, marks
from tasks.pretrain.data.arrays import IGNORED, Arrays, packed_inputs
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Causal(Objective):
    """Guess each next token from those before it in the same document."""

    reads: ClassVar[Reads] = "left"

    infill: float = Field(default=0.0, ge=0, le=1, description="share of the documents turned to fill in the middle")
    suffix_first: float = Field(default=0.5, ge=0, le=1, description="share of these with the suffix before the prefix")

    def needs(self, vocabulary: Vocabulary) -> None:
        """Marks for the parts of a document, if the middle is to be filled in."""
        if self.infill:
            marks(vocabulary)

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """Targets are the tokens one place to the left, where they belong to the same document."""
        tokens = infilled(rows, random, self.infill, self.suffix_first) if self.infill else rows.tokens
        targets = np.full_like(tokens, IGNORED)
        follows = (rows.documents[:, 1:] == rows.documents[:, :-1]) & (rows.documents[:, 1:] >= 0)
        targets[:, :-1][follows] = tokens[:, 1:][follows]
        return {**packed_inputs(rows, tokens), "targets": targets}

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of every token that has one before it."""
        targets = batch["targets"].flatten()
        hidden_ND = learner.model.hidden(batch).flatten(0, 1)
        return learner.model.token_loss(hidden_ND, targets), (targets >= 0).sum()
