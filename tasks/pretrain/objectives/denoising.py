"""Denoising: BART, arXiv:1910.13461, section 2.2."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tasks.errors import StageFailure
from tasks.model.architecture import Reads
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.source_target import Packed, compacted, pair, target_loss
from tasks.pretrain.corruption.spans import placed, poisson
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


class Denoising(Objective):
    """Spoil a text in several ways, and write it down as it was."""

    reads: ClassVar[Reads] = "pairs"
    sentences: ClassVar[bool] = True

    rate: float = Field(
        default=0.3, ge=0, le=0.5, description="share of the tokens in spans, each of which one mask hides"
    )
    mean_span: float = Field(default=3.0, ge=1, description="tokens in a span, on average: a Poisson distribution")
    deleted: float = Field(default=0.0, ge=0, lt=1, description="share of the other tokens that are left out")
    permuted: bool = True
    """put the sentences of each document in another order"""
    rotated: float = Field(default=0.0, ge=0, le=1, description="share of documents that begin at some other token")

    def needs(self, vocabulary: Vocabulary) -> None:
        """Something to put for a span."""
        if vocabulary.mask is None:
            raise StageFailure("the tokenizer has no mask token", "Add <mask> to its special tokens")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The source has at most as many tokens as the row, which is the target."""
        words, documents = rows.vocabulary, rows.documents
        tokens = np.take_along_axis(rows.tokens, self._order(rows, random), axis=1)
        text = documents >= 0
        usable = text & ~words.is_special[tokens]
        spans = placed(poisson(usable, self.rate, self.mean_span, random), usable, documents, random)
        # what spans of no tokens add, the others must have saved, or the row would get longer
        saved = spans.hidden.sum(axis=1) - spans.first.sum(axis=1)
        inserted = spans.inserted & (np.cumsum(spans.inserted, axis=1) <= saved[:, None])
        # the first token of each document stays, so that no source is empty
        gone = usable & (random.uniform("deleted", text.shape[1]) < self.deleted) & (rows.positions > 0)
        kept = text & np.where(spans.hidden, spans.first, ~gone)

        mask = np.full_like(tokens, words.mask or 0)
        pieces = np.stack([mask, np.where(spans.first, mask, tokens)], axis=2).reshape(len(tokens), -1)
        given = np.stack([inserted, kept], axis=2).reshape(len(tokens), -1)
        source = compacted(pieces, documents.repeat(2, axis=1), given, tokens.shape[1], words.pad)
        return pair(source, Packed(rows.tokens, rows.positions, rows.documents))

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of the whole text."""
        return target_loss(learner, batch)

    def _order(self, rows: "Rows", random: "Randomness") -> Int64s:
        """From which place each place of the spoilt rows gets its token: sentences permuted, then documents rotated.

        A start token stays in front and an end token behind.
        """
        length = rows.tokens.shape[1]
        ends = np.where(rows.tokens == rows.vocabulary.end, 1, 0)
        parts = np.where((rows.positions == 0) & (rows.tokens == rows.vocabulary.start), -1, ends)
        order = np.broadcast_to(np.arange(length), parts.shape)
        if self.permuted and rows.sentences is not None:
            sentences = np.maximum(np.cumsum(rows.sentences, axis=1) - 1, 0)
            lots = np.take_along_axis(random.uniform("sentences", length), sentences, axis=1)
            order = _sorted(rows.documents, parts, lots)
        if self.rotated:
            # parts have the same places after the permutation, which moves tokens within each part only
            order = np.take_along_axis(order, _sorted(rows.documents, parts, self._behind(rows, parts, random)), axis=1)
        return order

    def _behind(self, rows: "Rows", parts: Int64s, random: "Randomness") -> Bools:
        """Which tokens stand before the one that a rotated document begins with."""
        length = parts.shape[1]
        text = (rows.documents >= 0) & (parts == 0)
        number = np.maximum(rows.documents, 0)
        sizes, starts = np.zeros((2, len(parts), length), dtype=np.int64)  # of each document
        row = np.arange(len(parts))[:, None]
        np.add.at(sizes, (row, number), text)
        np.add.at(starts, (row, number), parts < 0)
        pivots = np.floor(random.uniform("pivots", length) * sizes)
        pivots *= random.uniform("rotated", length) < self.rotated
        behind: Bools = text & (rows.positions < np.take_along_axis(pivots + starts, number, axis=1))
        return behind


def _sorted(documents: Int64s, parts: Int64s, keys: npt.NDArray[Any]) -> Int64s:
    """The order of places by document (padding last), part and key; equal ones stay as they are."""
    rank = np.where(documents < 0, documents.shape[1], documents)
    order: Int64s = np.lexsort((keys, parts, rank), axis=1)
    return order
