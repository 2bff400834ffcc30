"""Masked language modelling, and which of two segments comes first: ALBERT, arXiv:1909.11942 section 3.1."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.pretrain.objectives.next_sentence import NextSentence
from tasks.pretrain.segments import Pairs
from tasks.pretrain.units import Bools, Int64s

if TYPE_CHECKING:
    from tasks.pretrain.randomness import Randomness


class SentenceOrder(NextSentence):
    """Guess hidden tokens, and whether two segments that stand side by side in the text are in their order."""

    def _moves(self, pairs: Pairs, random: "Randomness") -> tuple[Int64s, Bools]:
        """All stay in their pair; a share of them are swapped."""
        goes = np.broadcast_to(np.arange(self.pairs), pairs.there.shape)
        return goes, pairs.there & (random.uniform("swap segments", self.pairs) < self.share)
