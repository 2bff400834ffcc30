"""Masked language modelling, and which of two segments comes first: ALBERT, arXiv:1909.11942 section 3.1."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.pretrain.corruption.masking_units import Bools, Int64s
from tasks.pretrain.corruption.segment_pairs import Pairs
from tasks.pretrain.objectives.next_sentence import NextSentence

if TYPE_CHECKING:
    from tasks.pretrain.data.randomness import Randomness


class SentenceOrder(NextSentence):
    """Guess hidden tokens, and whether two segments that stand side by side in the text are in their order."""

    def _moves(self, pairs: Pairs, random: "Randomness") -> tuple[Int64s, Bools]:
        """All stay in their pair; a share of them are swapped."""
        goes = np.broadcast_to(np.arange(self.pairs), pairs.there.shape)
        return goes, pairs.there & (random.uniform("swap segments", self.pairs) < self.share)
