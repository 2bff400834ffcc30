"""Masked language modelling, and whether one segment follows the other: BERT, arXiv:1810.04805 section 3.1."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from pydantic import Field

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Bools, Int64s
from tasks.pretrain.corruption.segment_pairs import Pairs, arranged, check, exchanged, pairs_of
from tasks.pretrain.data.arrays import IGNORED, Arrays
from tasks.pretrain.objectives.masked import Masked

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.learners.pair_classifier import Related


class NextSentence(Masked):
    """Guess hidden tokens, and whether the second segment of a pair follows the first or comes from another pair.

    The other pair is of the same row: of another document where the row holds several.
    """

    sentences: ClassVar[bool] = True
    loss_is: ClassVar[str] = "mean cross entropy of a hidden token, and of how two segments belong together, in nats"
    perplexity: ClassVar[bool] = False

    pair: int = Field(default=128, ge=16, description="tokens of a pair at most: longer documents become several pairs")
    pairs: int = Field(default=8, ge=2, description="pairs of a row at most: the first ones")
    share: float = Field(default=0.5, gt=0, lt=1, description="of the pairs that do not belong together as they stand")

    def needs(self, vocabulary: Vocabulary) -> None:
        """A mask, and tokens that begin a pair and end a segment."""
        super().needs(vocabulary)
        check(vocabulary)

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """Pairs in the places of their documents, with tokens hidden in both segments; the relation of each pair."""
        if self.static:
            random = random.of(rows.tokens)
        pairs = pairs_of(rows, random, self.pair, self.pairs)
        goes, swapped = self._moves(pairs, random)
        found = arranged(rows, pairs, goes, swapped)
        wrong = swapped | (goes != np.arange(self.pairs))
        further = {"pair_places": found.first.ravel(), "relations": np.where(pairs.there, wrong, IGNORED).ravel()}
        return {**super().make(found.rows, random), "types": found.types, **further}

    def _moves(self, pairs: Pairs, random: "Randomness") -> tuple[Int64s, Bools]:
        """To which pair each second segment goes, and in which pairs the two are swapped."""
        return exchanged(pairs.there, random, self.share), np.zeros(pairs.there.shape, dtype=bool)

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - Objective's
        """The model and a classifier of pairs, which is thrown away in the end."""
        from tasks.pretrain.learners.pair_classifier import Related  # noqa: PLC0415 - torch takes seconds to import

        return Related(model, seed)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Both cross entropies; a pair counts as much as the hidden tokens that a full one has, as in the paper."""
        guessed, related = cast("Related", learner).losses(batch)
        return guessed + self.rate * self.pair * related, (batch["targets"] >= 0).sum()
