"""What to hide, and how to score the guess: one file, one objective."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from tasks.block import Block

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.randomness import Randomness
    from tasks.pretrain.rows import Rows

Arrays = dict[str, npt.NDArray[Any]]
IGNORED = -100


class Objective(Block, ABC):
    """What the model learns to guess."""

    causal: ClassVar[bool]
    """whether it needs a model that reads from left to right, or one that reads in both directions"""

    @abstractmethod
    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The batch for some packed rows: a pure function of both. Shapes must not depend on the content."""

    @abstractmethod
    def loss(self, model: "PackedModel", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Sum of the losses and the number of predictions; the loop divides by the number in the whole step."""


def packed_inputs(rows: "Rows", tokens: npt.NDArray[np.int64] | None = None) -> Arrays:
    """What every packed model reads; `tokens` replace those of the rows."""
    return {
        "tokens": rows.tokens if tokens is None else tokens,
        "positions": rows.positions,
        "documents": rows.documents,
    }
