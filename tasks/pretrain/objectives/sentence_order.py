"""Masked language modelling with sentence order prediction: ALBERT, arXiv:1909.11942 section 3.1."""

import numpy as np

from tasks.pretrain.corruption.masking_units import Bools, Int64s
from tasks.pretrain.corruption.segment_pairs import SegmentPairs
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives.next_sentence import NextSentence


class SentenceOrder(NextSentence):
    """Predict masked tokens, and tell whether two adjacent segments are in their original order."""

    def _sample_moves(self, pairs: SegmentPairs, random: Randomness) -> tuple[Int64s, Bools]:
        """Keep all segments in their pair, and swap those of a fraction of the pairs."""
        destinations = np.broadcast_to(np.arange(self.max_pairs), pairs.exists.shape)
        return destinations, pairs.exists & (random.uniform("swap segments", self.max_pairs) < self.negative_fraction)
