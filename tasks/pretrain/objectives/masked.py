"""Masked language modelling: BERT, arXiv:1810.04805 section 3.1; masked anew in each epoch as in RoBERTa."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from tasks.pretrain.objectives import IGNORED, Arrays, Objective, packed_inputs

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.randomness import Randomness
    from tasks.pretrain.rows import Rows


class Masked(Objective):
    """Hide some tokens and guess them from both sides."""

    causal: ClassVar[bool] = False

    rate: float = Field(default=0.15, gt=0, lt=1, description="share of a row's places that are predicted")
    masked: float = Field(default=0.8, ge=0, le=1, description="share of the predicted that become the mask token")
    swapped: float = Field(default=0.1, ge=0, le=1, description="share that become a random token; the rest stays")

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.masked + self.swapped > 1:
            raise ValueError("masked and swapped are shares of the same tokens: their sum must not exceed 1")
        return self

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """Exactly the same number of slots in every row, so that shapes are static; special tokens are never hidden."""
        num_rows, length = rows.tokens.shape
        slots = max(1, round(self.rate * length))
        special = (rows.documents < 0) | (rows.tokens < rows.vocabulary.num_special)
        lots = np.where(special, 2.0, random.uniform("which", length))
        places = np.sort(np.argsort(lots, axis=1, kind="stable")[:, :slots], axis=1)
        hidden = np.take_along_axis(rows.tokens, places, axis=1)
        usable = ~np.take_along_axis(special, places, axis=1)  # a row with little text has slots without a target
        fate = random.uniform("fate", slots)
        swap = random.integers("swap", slots, rows.vocabulary.num_special, rows.vocabulary.size)
        shown = np.select(
            [fate < self.masked, fate < self.masked + self.swapped], [rows.vocabulary.mask or 0, swap], hidden
        )
        tokens = rows.tokens.copy()
        np.put_along_axis(tokens, places, np.where(usable, shown, hidden), axis=1)
        places += np.arange(num_rows)[:, None] * length
        targets = np.where(usable, hidden, IGNORED)
        return {**packed_inputs(rows, tokens), "places": places.ravel(), "targets": targets.ravel()}

    def loss(self, model: "PackedModel", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of the hidden tokens; only their places reach the vocabulary projection."""
        hidden_ND = model.hidden(batch).flatten(0, 1).index_select(0, batch["places"])
        return model.token_loss(hidden_ND, batch["targets"]), (batch["targets"] >= 0).sum()
