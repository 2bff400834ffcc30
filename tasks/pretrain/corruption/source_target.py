"""Sources and targets of encoder–decoders, both packed into rows.

Shape suffixes: B rows, T positions in a row.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.arrays import IGNORE_INDEX, Arrays

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.pretrain.learners.learner import Learner

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


class PackedTokens(NamedTuple):
    """The arrays of packed rows, each (B, T); padding has the document -1."""

    tokens: Int64s
    positions: Int64s
    documents: Int64s


def pack_left(tokens_BT: Int64s, documents_BT: Int64s, kept_BT: Bools, length: int, pad: int) -> PackedTokens:
    """Move the kept positions to the left of rows of `length`, in their order, and count positions again from 0."""
    assert kept_BT.sum(axis=1).max(initial=0) <= length
    # A stable sort of the flags keeps the order of the kept positions; callers choose `length` to hold all of them.
    order = np.argsort(~kept_BT, axis=1, kind="stable")[:, :length]
    kept = np.take_along_axis(kept_BT, order, axis=1)
    # Positions that are not kept are sorted behind the kept ones, and become padding.
    documents = np.where(kept, np.take_along_axis(documents_BT, order, axis=1), -1)
    tokens = np.where(documents < 0, pad, np.take_along_axis(tokens_BT, order, axis=1))
    columns = np.broadcast_to(np.arange(documents.shape[1]), documents.shape)
    # -2 is the number of no document and not that of padding, so the first column is always a start.
    is_start = np.diff(documents, axis=1, prepend=-2) != 0
    positions = columns - np.maximum.accumulate(np.where(is_start, columns, 0), axis=1)
    return PackedTokens(tokens, np.where(documents < 0, 0, positions), documents)


def build_encoder_decoder_batch(source: PackedTokens, target: PackedTokens) -> Arrays:
    """Build an encoder–decoder's batch.

    The decoder reads the targets shifted by one position, after its own start token; the model shifts them.
    """
    return {
        **source._asdict(),
        "targets": np.where(target.documents < 0, IGNORE_INDEX, target.tokens),
        "decoder_positions": target.positions,
        "decoder_documents": target.documents,
    }


def compute_target_loss(learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
    """Return the sum of the cross entropies of the targets, and their number."""
    targets = batch["targets"].flatten()
    hidden_ND = learner.model.compute_hidden(batch).flatten(0, 1)
    return learner.model.compute_token_loss(hidden_ND, targets), (targets >= 0).sum()
