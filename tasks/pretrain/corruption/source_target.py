"""Sources and targets of encoder–decoders: packed rows rewritten by the place.

Shape suffixes: B rows, T places in a row.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.arrays import IGNORED, Arrays

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.pretrain.learners.learner import Learner

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


class Packed(NamedTuple):
    """Rows, each (B, T); padding has the document -1."""

    tokens: Int64s
    positions: Int64s
    documents: Int64s


def compacted(tokens_BT: Int64s, documents_BT: Int64s, kept_BT: Bools, length: int, pad: int) -> Packed:
    """Rows of `length` with the kept places only, in their order; their positions are counted anew."""
    assert kept_BT.sum(axis=1).max(initial=0) <= length
    order = np.argsort(~kept_BT, axis=1, kind="stable")[:, :length]
    kept = np.take_along_axis(kept_BT, order, axis=1)
    documents = np.where(kept, np.take_along_axis(documents_BT, order, axis=1), -1)
    tokens = np.where(documents < 0, pad, np.take_along_axis(tokens_BT, order, axis=1))
    place = np.broadcast_to(np.arange(documents.shape[1]), documents.shape)
    begins = np.diff(documents, axis=1, prepend=-2) != 0
    positions = place - np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    return Packed(tokens, np.where(documents < 0, 0, positions), documents)


def pair(source: Packed, target: Packed) -> Arrays:
    """The batch of an encoder–decoder; the decoder reads the targets one place later, behind its own start token."""
    return {
        **source._asdict(),
        "targets": np.where(target.documents < 0, IGNORED, target.tokens),
        "decoder_positions": target.positions,
        "decoder_documents": target.documents,
    }


def target_loss(learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
    """Sum of the cross entropies of the targets, and their number."""
    targets = batch["targets"].flatten()
    return learner.model.token_loss(learner.model.hidden(batch).flatten(0, 1), targets), (targets >= 0).sum()
