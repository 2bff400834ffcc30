"""Scores for places that stand in a row, such as words: each from its own features and from those beside it.

A causal model's state of a word knows nothing of what follows, such as where an entity ends. The window of Collobert et
al., "Natural language processing (almost) from scratch", 2011, section 3.3; kept as scores, not as wider features.

Shapes beside those of the package: N places in a row, W places of a window.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from tasks.downstream.heads import Example, Head

WINDOW_REACH = 2
WINDOW_SIZE = 2 * WINDOW_REACH + 1


class NeighbourHead(Head):
    """The layer tells of each place what it says of every place in the window around it."""

    @property
    @abstractmethod
    def num_scores(self) -> int:
        """Of a place, K."""

    @abstractmethod
    def rows(self, example: Example) -> list[int]:
        """How many places stand in a row, for each of the example's rows."""

    @property
    def size(self) -> int:
        """A score for every place of the window."""
        return self.num_scores * WINDOW_SIZE

    def num_places(self, example: Example) -> int:
        """Of all its rows."""
        return sum(self.rows(example))

    def outputs(self, batch: Sequence[Example]) -> Tensor:
        """What the window around every place says of it, (M, K)."""
        outputs_MWK = super().outputs(batch).reshape(-1, WINDOW_SIZE, self.num_scores)
        lengths = [length for each in batch for length in self.rows(each)]
        return torch.cat([sum_window_scores(scores_NWK) for scores_NWK in torch.split(outputs_MWK, lengths)])


def sum_window_scores(scores_NWK: Tensor) -> Tensor:
    """What the places of a row say of themselves and of those beside them, (N, K); what lies outside says nothing."""
    around = pad(scores_NWK, (0, 0, 0, 0, WINDOW_REACH, WINDOW_REACH))
    return torch.stack([around[place : place + len(scores_NWK), place] for place in range(WINDOW_SIZE)]).sum(0)
