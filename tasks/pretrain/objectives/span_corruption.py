"""Span corruption: T5, arXiv:1910.10683, section 3.1.4."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tasks.errors import StageFailure
from tasks.model.architecture import Reads
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.source_target import compacted, pair, target_loss
from tasks.pretrain.corruption.spans import budget, composed, placed
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner

MEND = "Raise tokenize.sentinels, or lower pretrain.objective.span_corruption.rate or pretrain.batch.seq_length"


class SpanCorruption(Objective):
    """Take spans out of a text, put a sentinel for each, and write them down sentinel by sentinel."""

    reads: ClassVar[Reads] = "pairs"

    rate: float = Field(default=0.15, gt=0, le=0.5, description="share of a row's tokens that are taken out")
    mean_span: float = Field(default=3.0, ge=1, description="tokens in a span, on average")

    def needs(self, vocabulary: Vocabulary) -> None:
        """Something to put for a span, and something to end with."""
        if not vocabulary.sentinels:
            raise StageFailure("the tokenizer has no sentinel <extra_id_0>", MEND)
        if vocabulary.end is None:
            raise StageFailure("the tokenizer has no end token", "Add <eos> to its special tokens")

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The same number of spans and of hidden tokens in every full row; sentinels begin anew in each document."""
        words, documents = rows.vocabulary, rows.documents
        length = documents.shape[1]
        most_places, most_spans = budget(length, self.rate, self.mean_span)
        if most_spans > len(words.sentinels):
            have = f"and the tokenizer has only {len(words.sentinels)}"
            raise StageFailure(f"{most_spans} spans in {length} tokens need as many sentinels, {have}", MEND)
        usable = (documents >= 0) & ~words.is_special[rows.tokens]
        spans = placed(composed(usable, self.rate, self.mean_span, random), usable, documents, random)

        sentinels = np.array(words.sentinels)[spans.numbers(rows.positions)]
        kept = (documents >= 0) & (~spans.hidden | spans.first)
        source = compacted(np.where(spans.first, sentinels, rows.tokens), documents, kept, length, words.pad)

        # each place may give a sentinel, its token, and the end of its document's target
        pieces = np.stack([sentinels, rows.tokens, np.full_like(sentinels, words.end or 0)], axis=2)
        given = np.stack([spans.first, spans.hidden, spans.last(documents)], axis=2)
        flat = (len(documents), 3 * length)
        most = most_places + 2 * most_spans
        target = compacted(pieces.reshape(flat), documents.repeat(3, axis=1), given.reshape(flat), most, words.pad)
        return pair(source, target)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of the whole target; it is short, so the vocabulary projection sees few places."""
        return target_loss(learner, batch)
