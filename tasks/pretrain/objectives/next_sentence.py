"""Masked language modelling with next sentence prediction: BERT, arXiv:1810.04805 section 3.1."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Bools, Int64s
from tasks.pretrain.corruption.segment_pairs import (
    SegmentPairs,
    arrange_pairs,
    check_pair_tokens,
    sample_exchanges,
    sample_pairs,
)
from tasks.pretrain.data.arrays import IGNORE_INDEX, Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.pair_classifier import PairLearner


class NextSentence(Masked):
    """Predict masked tokens, and tell whether the second segment of a pair follows the first or is from another pair.

    The other pair is from the same row: from another document where the row holds several.
    """

    needs_sentences: ClassVar[bool] = True
    loss_description: ClassVar[str] = (
        "mean cross entropy of a masked token, and of how two segments belong together, in nats"
    )
    has_perplexity: ClassVar[bool] = False

    max_pair_tokens: int = Field(
        default=128, ge=16, description="maximum length of a pair in tokens; longer documents become several pairs"
    )
    max_pairs: int = Field(default=8, ge=2, description="maximum number of pairs in a row: the first ones are used")
    negative_fraction: float = Field(
        default=0.5, gt=0, lt=1, description="fraction of negative pairs: exchanged, or in the wrong order"
    )

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer has no mask token, or none to begin a pair or end a segment."""
        super().check_tokenizer(vocabulary)
        check_pair_tokens(vocabulary)

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: pairs in place of their documents, masked tokens in both segments, and each pair's label."""
        if self.static_masking:
            random = random.from_tokens(rows.tokens)
        pairs = sample_pairs(rows, random, self.max_pair_tokens, self.max_pairs)
        destinations, swapped = self._sample_moves(pairs, random)
        arranged = arrange_pairs(rows, pairs, destinations, swapped)
        # the label of a pair: 0 if its segments follow each other, 1 if not
        # Where the segments did not move, a pair's destination is its own index.
        is_negative = swapped | (destinations != np.arange(self.max_pairs))
        pair_arrays = {
            "pair_indices": arranged.cls_indices.ravel(),
            "relations": np.where(pairs.exists, is_negative, IGNORE_INDEX).ravel(),
        }
        return {**super().make_batch(arranged.rows, random), "types": arranged.token_types, **pair_arrays}

    def _sample_moves(self, pairs: SegmentPairs, random: Randomness) -> tuple[Int64s, Bools]:
        """Return the pair that each second segment moves to, and flags of the pairs whose segments are swapped."""
        return sample_exchanges(pairs.exists, random, self.negative_fraction), np.zeros(pairs.exists.shape, dtype=bool)

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """Build the model with a classifier of pairs, which is not exported."""
        from tasks.pretrain.learners.pair_classifier import PairLearner  # noqa: PLC0415 - torch takes seconds to import

        return PairLearner(model, seed)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return both cross entropies; a pair counts as much as the masked tokens of a full pair, as in the paper."""
        token_loss, pair_loss = cast("PairLearner", learner).compute_losses(batch)
        return token_loss + self.mask_rate * self.max_pair_tokens * pair_loss, (batch["targets"] >= 0).sum()
