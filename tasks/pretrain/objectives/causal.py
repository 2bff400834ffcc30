"""Next-token prediction: GPT-2, Radford et al. 2019, section 2; with fill-in-the-middle, arXiv:2207.14255.

Shape suffixes: N positions of all rows, D hidden size.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.fill_in_middle import apply_fill_in_middle, read_fim_tokens
from tasks.pretrain.corruption.source_target import compute_target_loss
from tasks.pretrain.data.arrays import IGNORE_INDEX, Arrays, build_model_inputs
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Causal(Objective):
    """Predict each token from those before it in the same document."""

    model_kind: ClassVar[ModelKind] = "decoder"

    fim_rate: float = Field(
        default=0.0, ge=0, le=1, description="fraction of the documents that are reordered to fill in the middle"
    )
    fim_spm_rate: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="fraction of the reordered documents with the suffix before the prefix (SPM)",
    )

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when fill-in-the-middle is on and the tokenizer lacks its special tokens."""
        if self.fim_rate:
            read_fim_tokens(vocabulary)

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: the target of a position is the next token, where that is of the same document."""
        tokens = apply_fill_in_middle(rows, random, self.fim_rate, self.fim_spm_rate) if self.fim_rate else rows.tokens
        targets = np.full_like(tokens, IGNORE_INDEX)
        # Equal documents also where both are padding, hence the second condition.
        follows = (rows.documents[:, 1:] == rows.documents[:, :-1]) & (rows.documents[:, 1:] >= 0)
        # From the tokens after the reordering: fill-in-the-middle is plain next-token prediction on another text.
        targets[:, :-1][follows] = tokens[:, 1:][follows]
        return {**build_model_inputs(rows, tokens), "targets": targets}

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of all tokens that have one before them in their document."""
        return compute_target_loss(learner, batch)
