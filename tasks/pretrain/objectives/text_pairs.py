"""Contrast between the first sentence of a document and the rest: text pairs as in E5, arXiv:2212.03533.

What the pairs are depends on the documents: a title in the first line and its body, a lead and its article; or, in
documents of two lines, a sentence and its translation.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Int64s, find_unit_starts
from tasks.pretrain.corruption.text_spans import NO_TEXT, TextSpans, build_view
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.embedder import EmbeddingLearner
    from tasks.pretrain.learners.learner import Learner


class TextPairs(Contrastive):
    """Find the rest of a document by its first sentence, and the first sentence by the rest."""

    text_unit: Literal["document"] = "document"
    """the text that a pair is taken from"""

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:  # noqa: ARG002 - nothing is hidden at random
        """Make the batch: each document as two texts, its first sentence (index 2 i) and its rest (index 2 i + 1)."""
        assert rows.sentences is not None, "needs_sentences is true"
        documents = self.select_texts(rows)
        sentences_so_far = np.cumsum(rows.sentences, axis=1)
        sentences_before: Int64s = np.take_along_axis(sentences_so_far - rows.sentences, documents.starts, axis=1)
        # a sentence start of the row may be in front of the document: only those since its start count
        # The first sentence has the number 1, so everything from the second on is the rest.
        in_rest = sentences_so_far - sentences_before > 1
        is_start = documents.starts == np.arange(in_rest.shape[1])
        is_start[:, 1:] |= in_rest[:, 1:] & ~in_rest[:, :-1]
        halves = TextSpans(
            find_unit_starts(is_start), np.where(documents.indices == NO_TEXT, NO_TEXT, 2 * documents.indices + in_rest)
        )
        return build_view(rows, halves, np.ones(in_rest.shape, dtype=bool))

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - adds no weights
        """Build the model without its vocabulary head."""
        from tasks.pretrain.learners.embedder import EmbeddingLearner  # noqa: PLC0415 - torch takes seconds to import

        return EmbeddingLearner(model, dropout=0.0)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the mean of both directions, as in CLIP, arXiv:2103.00020; documents of one sentence are ignored."""
        from tasks.pretrain.learners.embedder import match_texts  # noqa: PLC0415 - torch takes seconds to import

        embeddings = cast("EmbeddingLearner", learner).embed(batch, 2 * self.max_texts)
        # A row has 2 × max_texts embeddings, an even number, so first sentences have even indices over all rows.
        firsts, rests = embeddings[0::2], embeddings[1::2]
        forward_loss, count = match_texts(firsts, rests, self.temperature)
        backward_loss, _ = match_texts(rests, firsts, self.temperature)
        return (forward_loss + backward_loss) / 2, count
