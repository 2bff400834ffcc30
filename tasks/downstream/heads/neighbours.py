"""Scores of units in sequences, such as words: each by its own features and by those of its neighbours.

A causal model's state of a word knows nothing of what follows, such as where an entity ends. The window of Collobert et
al., "Natural language processing (almost) from scratch", 2011, section 3.3; summed as scores, not as wider features.

Shapes beside those of the package: N units of a sequence, W units of a window.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from tasks.downstream.heads import Example, Head

WINDOW_REACH = 2
"""neighbours of a unit on each side"""
WINDOW_SIZE = 2 * WINDOW_REACH + 1


class NeighbourHead(Head):
    """A layer that gives of each unit scores for every unit in the window around it."""

    @property
    @abstractmethod
    def num_scores(self) -> int:
        """The number of scores of a unit, K."""

    @abstractmethod
    def get_sequence_lengths(self, example: Example) -> list[int]:
        """Return the number of units in each of the example's sequences."""

    @property
    def num_outputs(self) -> int:
        """The number of outputs of a unit: scores for every unit of its window."""
        return self.num_scores * WINDOW_SIZE

    def count_units(self, example: Example) -> int:
        """Return the number of units in all sequences of an example."""
        return sum(self.get_sequence_lengths(example))

    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return the scores of every unit, summed over the window around it (M, K)."""
        outputs_MWK = super().compute_outputs(batch).reshape(-1, WINDOW_SIZE, self.num_scores)
        lengths = [length for example in batch for length in self.get_sequence_lengths(example)]
        return torch.cat([sum_window_scores(scores_NWK) for scores_NWK in torch.split(outputs_MWK, lengths)])


def sum_window_scores(scores_NWK: Tensor) -> Tensor:
    """Sum the scores that the units of a sequence give to themselves and to their neighbours (N, K).

    What lies outside of the sequence gives zero.
    """
    # slot w of unit m scores unit m - (w - WINDOW_REACH), so unit n sums slot w of unit n + w - WINDOW_REACH over w
    padded = pad(scores_NWK, (0, 0, 0, 0, WINDOW_REACH, WINDOW_REACH))
    return torch.stack([padded[offset : offset + len(scores_NWK), offset] for offset in range(WINDOW_SIZE)]).sum(0)
