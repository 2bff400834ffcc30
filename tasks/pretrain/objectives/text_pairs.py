"""The first sentence of a document and the rest of it are alike: text-pair alignment, as in E5, arXiv:2212.03533.

The pairs are those that the tokens hold: a title that stands as the first line and its body, a lead and its article;
or documents of two lines, a sentence and its translation.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Int64s, first_places
from tasks.pretrain.corruption.text_spans import NONE, Texts, view
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.objectives._contrastive import Contrastive

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.embedder import Embedder
    from tasks.pretrain.learners.learner import Learner


class TextPairs(Contrastive):
    """Tell which rest belongs to a first sentence, and which first sentence to a rest."""

    text: Literal["document"] = "document"
    """what a pair is taken from"""

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:  # noqa: ARG002 - nothing is hidden at random
        """Each document in two: its first sentence has an even number, its rest the odd one behind."""
        assert rows.sentences is not None, "sentences is true"
        whole = self.chosen(rows)
        counts = np.cumsum(rows.sentences, axis=1)
        earlier: Int64s = np.take_along_axis(counts - rows.sentences, whole.firsts, axis=1)
        rest = counts - earlier > 1
        begins = whole.firsts == np.arange(rest.shape[1])
        begins[:, 1:] |= rest[:, 1:] & ~rest[:, :-1]
        halves = Texts(first_places(begins), np.where(whole.numbers == NONE, NONE, 2 * whole.numbers + rest))
        return view(rows, halves, np.ones(rest.shape, dtype=bool))

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":  # noqa: ARG002 - adds no weights
        """The model without its vocabulary head."""
        from tasks.pretrain.learners.embedder import Embedder  # noqa: PLC0415 - torch takes seconds to import

        return Embedder(model, dropout=0.0)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """The mean of both directions, as in CLIP, arXiv:2103.00020; a document of one sentence counts nothing."""
        from tasks.pretrain.learners.embedder import matched  # noqa: PLC0415 - torch takes seconds to import

        embedded = cast("Embedder", learner).embedded(batch, 2 * self.texts)
        firsts, rests = embedded[0::2], embedded[1::2]
        there, count = matched(firsts, rests, self.temperature)
        back, _ = matched(rests, firsts, self.temperature)
        return (there + back) / 2, count
