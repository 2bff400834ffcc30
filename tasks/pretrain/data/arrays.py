"""Batches as numpy arrays by name."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # settings load without pyarrow
    from tasks.pretrain.data.rows import Rows


Arrays = dict[str, npt.NDArray[Any]]

IGNORE_INDEX = -100
"""the target of a position that is not predicted, as in torch and transformers"""


def build_model_inputs(rows: "Rows", tokens: npt.NDArray[np.int64] | None = None) -> Arrays:
    """Return the inputs that every packed model reads; `tokens` replace those of the rows."""
    return {
        "tokens": rows.tokens if tokens is None else tokens,
        "positions": rows.positions,
        "documents": rows.documents,
    }
