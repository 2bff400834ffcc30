"""Span corruption: T5, arXiv:1910.10683, section 3.1.4."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tasks.errors import StageFailure
from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.source_target import build_encoder_decoder_batch, compute_target_loss, pack_left
from tasks.pretrain.corruption.spans import compute_span_budget, place_spans, sample_span_lengths
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner

SENTINEL_HINT = (
    "Raise tokenize.sentinels, or lower pretrain.objective.span_corruption.corruption_rate or pretrain.batch.seq_length"
)


class SpanCorruption(Objective):
    """Replace spans of a text by sentinels, and generate the spans, each after its sentinel (T5)."""

    model_kind: ClassVar[ModelKind] = "encoder_decoder"

    corruption_rate: float = Field(
        default=0.15, gt=0, le=0.5, description="fraction of a row's tokens that are taken out"
    )
    mean_span_length: float = Field(default=3.0, ge=1, description="mean length of a span, in tokens")

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer has no sentinels, or no end token."""
        if not vocabulary.sentinels:
            raise StageFailure("the tokenizer has no sentinel <extra_id_0>", SENTINEL_HINT)
        if vocabulary.end is None:
            raise StageFailure("the tokenizer has no end token", "Add <eos> to its special tokens")

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: every full row has the same number of spans and of hidden tokens.

        Sentinels are counted from 0 in each document. Raises StageFailure when a row needs more than there are.
        """
        vocabulary, documents = rows.vocabulary, rows.documents
        length = documents.shape[1]
        max_tokens, max_spans = compute_span_budget(length, self.corruption_rate, self.mean_span_length)
        if max_spans > len(vocabulary.sentinels):
            have = f"and the tokenizer has only {len(vocabulary.sentinels)}"
            raise StageFailure(f"{max_spans} spans in {length} tokens need as many sentinels, {have}", SENTINEL_HINT)
        usable = (documents >= 0) & ~vocabulary.is_special[rows.tokens]
        spans = place_spans(
            sample_span_lengths(usable, self.corruption_rate, self.mean_span_length, random), usable, documents, random
        )

        sentinels = np.array(vocabulary.sentinels)[spans.index_in_document(rows.positions)]
        kept = (documents >= 0) & (~spans.hidden | spans.starts)
        source = pack_left(np.where(spans.starts, sentinels, rows.tokens), documents, kept, length, vocabulary.pad)

        # each position may add to the target its sentinel, its token, and the end token of its document's target
        candidates = np.stack([sentinels, rows.tokens, np.full_like(sentinels, vocabulary.end or 0)], axis=2)
        kept_candidates = np.stack([spans.starts, spans.hidden, spans.find_last_hidden(documents)], axis=2)
        flat_shape = (len(documents), 3 * length)
        # The hidden tokens, a sentinel a span, and an end token a document, of which there are at most as many as
        # spans.
        max_target = max_tokens + 2 * max_spans
        target = pack_left(
            candidates.reshape(flat_shape),
            documents.repeat(3, axis=1),
            kept_candidates.reshape(flat_shape),
            max_target,
            vocabulary.pad,
        )
        return build_encoder_decoder_batch(source, target)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of the whole target, which is much shorter than the row."""
        return compute_target_loss(learner, batch)
