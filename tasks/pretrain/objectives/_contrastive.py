"""The base of the contrastive objectives: choice of the texts that are embedded, and temperature."""

from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from tasks.model.architecture import ModelKind
from tasks.pretrain.corruption.text_spans import TextSpans, build_view, find_texts
from tasks.pretrain.corruption.views import CropAndDelete
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:  # settings load without pyarrow
    from tasks.pretrain.data.rows import Rows


class Contrastive(Objective, ABC):
    """Train embeddings of texts: similar for texts that belong together, dissimilar for others.

    The negatives of a text are the other texts of its micro-batch, over all ranks. More micro-batches keep the number
    of predictions of a step, but each text then has fewer negatives. So raise batch.batch_size, and not
    batch.grad_accumulation.
    """

    model_kind: ClassVar[ModelKind] = "encoder"
    needs_sentences: ClassVar[bool] = True
    compares_rows: ClassVar[bool] = True
    loss_description: ClassVar[str] = (
        "mean cross entropy of finding a text's counterpart among the texts it is compared with, in nats"
    )
    has_perplexity: ClassVar[bool] = False

    text_unit: Literal["sentence", "document"] = "sentence"
    """the text that becomes one embedding"""
    max_texts: int = Field(default=8, ge=1, description="maximum number of texts in a row: the first ones are used")
    min_tokens: int = Field(
        default=4, ge=1, description="minimum length of a text in tokens; shorter ones are not used"
    )
    temperature: float = Field(
        default=0.05, gt=0, description="divisor of the similarities: lower values weigh the nearest negatives more"
    )

    def select_texts(self, rows: "Rows") -> TextSpans:
        """Select the texts of some rows that become embeddings."""
        is_start = rows.sentences if self.text_unit == "sentence" else None
        # No flags at all: `find_texts` adds the starts of documents.
        is_start = np.zeros(rows.tokens.shape, dtype=bool) if is_start is None else is_start
        return find_texts(rows, is_start, self.max_texts, self.min_tokens)

    def make_two_views(
        self, rows: "Rows", augment: CropAndDelete, random: Randomness, names: tuple[str, str]
    ) -> Arrays:
        """Make the batch of two views of each text; the names of the second one's arrays begin with its own."""
        texts = self.select_texts(rows)
        one, two = (build_view(rows, texts, augment.sample_kept(texts, random, name)) for name in names)
        return {**one, **{f"{names[1]}_{name}": array for name, array in two.items() if name != "tokens"}}
