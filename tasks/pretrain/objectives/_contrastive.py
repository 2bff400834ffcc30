"""What the contrastive objectives share: which texts they embed, and how alike is alike."""

from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from tasks.model.architecture import Reads
from tasks.pretrain.corruption.text_spans import Texts, texts_of
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:
    from tasks.pretrain.data.rows import Rows


class Contrastive(Objective, ABC):
    """Embeddings of texts, pulled together where they belong together and apart where not.

    The negatives of a text are the other texts of its micro-batch, over all ranks: with accumulation a step has as many
    predictions, but each is among fewer texts. So raise batch.rows, not batch.accumulation.
    """

    reads: ClassVar[Reads] = "both"
    sentences: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    loss_is: ClassVar[str] = (
        "mean cross entropy of finding the text that belongs to a text among those it is compared with, in nats"
    )
    perplexity: ClassVar[bool] = False

    text: Literal["sentence", "document"] = "sentence"
    """what an embedding stands for"""
    texts: int = Field(default=8, ge=1, description="texts of a row at most: the first ones")
    shortest: int = Field(default=4, ge=1, description="tokens: shorter texts are left out")
    temperature: float = Field(default=0.05, gt=0, description="of the similarities: lower looks at the nearest only")

    def chosen(self, rows: "Rows") -> Texts:
        """The texts of some rows."""
        begins = rows.sentences if self.text == "sentence" else None
        begins = np.zeros(rows.tokens.shape, dtype=bool) if begins is None else begins
        return texts_of(rows, begins, self.texts, self.shortest)
