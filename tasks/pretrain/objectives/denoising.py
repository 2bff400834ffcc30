"""Denoising: BART, arXiv:1910.13461, section 2.2."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tasks.errors import StageFailure
from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.source_target import (
    PackedTokens,
    build_encoder_decoder_batch,
    compute_target_loss,
    pack_left,
)
from tasks.pretrain.corruption.spans import place_spans, sample_poisson_lengths
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


class Denoising(Objective):
    """Corrupt a text in several ways, and generate the original (BART)."""

    model_kind: ClassVar[ModelKind] = "encoder_decoder"
    needs_sentences: ClassVar[bool] = True

    mask_rate: float = Field(
        default=0.3,
        ge=0,
        le=0.5,
        description="fraction of the tokens in masked spans; one mask token replaces each span",
    )
    mean_span_length: float = Field(
        default=3.0, ge=1, description="mean of the Poisson distribution of a span's length, in tokens"
    )
    token_deletion: float = Field(default=0.0, ge=0, lt=1, description="fraction of the other tokens that are deleted")
    sentence_permutation: bool = True
    """shuffle the sentences of each document"""
    document_rotation: float = Field(
        default=0.0, ge=0, le=1, description="fraction of the documents that are rotated to begin at a random token"
    )

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer has no mask token."""
        if vocabulary.mask is None:
            raise StageFailure("the tokenizer has no mask token", "Add <mask> to its special tokens")

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: the target is the row, the source is the corrupted row with at most as many tokens."""
        vocabulary, documents = rows.vocabulary, rows.documents
        # The order is within documents, so `rows.documents` also describes the reordered tokens.
        tokens = np.take_along_axis(rows.tokens, self._sample_order(rows, random), axis=1)
        is_text = documents >= 0
        usable = is_text & ~vocabulary.is_special[tokens]
        spans = place_spans(
            sample_poisson_lengths(usable, self.mask_rate, self.mean_span_length, random), usable, documents, random
        )
        # a span of no tokens adds a mask: only as many as other spans have saved tokens, or the row would get longer
        saved = spans.hidden.sum(axis=1) - spans.starts.sum(axis=1)
        inserted = spans.inserted & (np.cumsum(spans.inserted, axis=1) <= saved[:, None])
        # the first token of each document is kept, so that no source is empty
        deleted = usable & (random.uniform("deleted", is_text.shape[1]) < self.token_deletion) & (rows.positions > 0)
        # Of a hidden span its first position stays, as the place of the mask.
        kept = is_text & np.where(spans.hidden, spans.starts, ~deleted)

        # each position may give two tokens: the mask of an empty span in front of it, and its own token or mask
        mask = np.full_like(tokens, vocabulary.mask or 0)
        candidates = np.stack([mask, np.where(spans.starts, mask, tokens)], axis=2).reshape(len(tokens), -1)
        kept_candidates = np.stack([inserted, kept], axis=2).reshape(len(tokens), -1)
        source = pack_left(candidates, documents.repeat(2, axis=1), kept_candidates, tokens.shape[1], vocabulary.pad)
        return build_encoder_decoder_batch(source, PackedTokens(rows.tokens, rows.positions, rows.documents))

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of all tokens of the original text."""
        return compute_target_loss(learner, batch)

    def _sample_order(self, rows: "Rows", random: Randomness) -> Int64s:
        """Return for each position the position that it takes its token from: sentences shuffled, documents rotated.

        A document's start token stays in front and its end token at the end.
        """
        length = rows.tokens.shape[1]
        # Without an end token this compares with None, which no token equals.
        is_end = np.where(rows.tokens == rows.vocabulary.end, 1, 0)
        # parts of a document: -1 its start token, 0 the text, 1 its end token; only the text is reordered
        parts = np.where((rows.positions == 0) & (rows.tokens == rows.vocabulary.start), -1, is_end)
        order = np.broadcast_to(np.arange(length), parts.shape)
        if self.sentence_permutation and rows.sentences is not None:
            # All tokens of a sentence find the same number, so that the sort moves the sentence as one.
            sentences = np.maximum(np.cumsum(rows.sentences, axis=1) - 1, 0)
            uniform = np.take_along_axis(random.uniform("sentences", length), sentences, axis=1)
            order = _sort_positions(rows.documents, parts, uniform)
        if self.document_rotation:
            # the permutation moved tokens within parts only, so the parts still describe the permuted rows
            order = np.take_along_axis(
                order, _sort_positions(rows.documents, parts, self._find_rotated(rows, parts, random)), axis=1
            )
        return order

    def _find_rotated(self, rows: "Rows", parts: Int64s, random: Randomness) -> Bools:
        """Return flags of the tokens in front of the one that a rotated document begins with: they go to the end."""
        length = parts.shape[1]
        is_text = (rows.documents >= 0) & (parts == 0)
        documents = np.maximum(rows.documents, 0)
        sizes, starts = np.zeros((2, len(parts), length), dtype=np.int64)  # of each document
        row = np.arange(len(parts))[:, None]
        # add.at adds up repeated indices; padding is counted under document 0, but with False.
        np.add.at(sizes, (row, documents), is_text)
        np.add.at(starts, (row, documents), parts < 0)
        # a random position of the text for each document, or 0 where it is not rotated
        pivots = np.floor(random.uniform("pivots", length) * sizes)
        pivots *= random.uniform("rotated", length) < self.document_rotation
        rotated: Bools = is_text & (rows.positions < np.take_along_axis(pivots + starts, documents, axis=1))
        return rotated


def _sort_positions(documents: Int64s, parts: Int64s, keys: npt.NDArray[Any]) -> Int64s:
    """Return the stable order of positions by document (padding last), then part, then key."""
    # Document numbers are below the length of the row, so padding sorts last.
    rank = np.where(documents < 0, documents.shape[1], documents)
    # lexsort takes its last key first. It is stable, so tokens of equal keys keep their order.
    order: Int64s = np.lexsort((keys, parts, rank), axis=1)
    return order
