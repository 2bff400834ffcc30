"""Masked language modelling: BERT, arXiv:1810.04805 section 3.1; masked anew in each epoch as in RoBERTa.

Whole words and spans as in SpanBERT, arXiv:1907.10529 section 3.1 (its boundary objective is not part of it).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tasks.errors import StageFailure
from tasks.model.architecture import Reads
from tasks.model.vocabulary import Vocabulary
from tasks.model.words import segmenter
from tasks.pretrain.corruption.masking_units import Bools, Int64s, drawn_units, first_places, span_begins, whole_units
from tasks.pretrain.data.arrays import IGNORED, Arrays, packed_inputs
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.pretrain.data.randomness import Randomness
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Masked(Objective):
    """Hide some tokens and guess them from both sides."""

    reads: ClassVar[Reads] = "both"

    rate: float = Field(default=0.15, gt=0, lt=1, description="share of a row's places that are predicted")
    masked: float = Field(default=0.8, ge=0, le=1, description="share of the predicted that become the mask token")
    swapped: float = Field(default=0.1, ge=0, le=1, description="share that become a random token; the rest stays")

    units: Literal["tokens", "words", "spans"] = "tokens"
    """hide single tokens, whole words (BERT's later release), or spans of words (SpanBERT, arXiv:1907.10529)"""
    segmenter: Literal["characters", "jieba"] = "characters"
    """of words and spans in Chinese: its tokens one by one, or words as jieba finds them (pip install rjieba)"""
    chance: float = Field(default=0.2, gt=0, lt=1, description="that a span ends behind a word: lower is longer")
    longest: int = Field(default=10, ge=1, description="words in a span at most")
    static: bool = False
    """hide the same in each epoch, as in BERT; otherwise anew, as in RoBERTa"""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.masked + self.swapped > 1:
            raise ValueError("masked and swapped are shares of the same tokens: their sum must not exceed 1")
        return self

    def needs(self, vocabulary: Vocabulary) -> None:
        """Something to put in the place of what is hidden."""
        if vocabulary.mask is None:
            raise StageFailure("the tokenizer has no mask token", "Add <mask> to its special tokens")
        if self.units != "tokens" and self.segmenter == "jieba":
            segmenter()

    def make(self, rows: "Rows", random: "Randomness") -> Arrays:
        """The same number of slots in every row, so that shapes are static; special tokens are never hidden."""
        if self.static:
            random = random.of(rows.tokens)
        num_rows, length = rows.tokens.shape
        slots = max(1, round(self.rate * length))
        special = (rows.documents < 0) | rows.vocabulary.is_special[rows.tokens]
        firsts = first_places(self._begins(rows, special, random))
        choose = whole_units if self.units == "words" else drawn_units
        chosen = choose(firsts, ~special, random.uniform("which", length), slots)
        places = np.sort(np.argsort(~chosen, axis=1, kind="stable")[:, :slots], axis=1)
        hidden = np.take_along_axis(rows.tokens, places, axis=1)
        usable = np.take_along_axis(chosen, places, axis=1)  # a row with little text has slots without a target
        shown = self._shown(hidden, np.take_along_axis(firsts, places, axis=1), rows.vocabulary, random)
        tokens = rows.tokens.copy()
        np.put_along_axis(tokens, places, np.where(usable, shown, hidden), axis=1)
        places += np.arange(num_rows)[:, None] * length
        targets = np.where(usable, hidden, IGNORED)
        return {**packed_inputs(rows, tokens), "places": places.ravel(), "targets": targets.ravel()}

    def _begins(self, rows: "Rows", special: Bools, random: "Randomness") -> Bools:
        """Where what is hidden together begins; nothing goes over the end of a document or over a special token."""
        if self.units == "tokens":
            return np.ones_like(special)
        borders = special.copy()
        borders[:, 1:] |= special[:, :-1] | (rows.documents[:, 1:] != rows.documents[:, :-1])
        words = rows.vocabulary.words
        begins = borders | (words.segmented if self.segmenter == "jieba" else words.begin)(rows.tokens)
        if self.units == "words":
            return begins
        return borders | span_begins(begins, random.uniform("span", special.shape[1]), self.chance, self.longest)

    def _shown(self, hidden: Int64s, firsts: Int64s, vocabulary: Vocabulary, random: "Randomness") -> Int64s:
        """What stands in the places of the hidden tokens. A span has one fate, as in SpanBERT."""
        slots = hidden.shape[1]
        if self.units == "spans":
            fate = np.take_along_axis(random.uniform("fate", int(firsts.max()) + 1), firsts, axis=1)
        else:
            fate = random.uniform("fate", slots)
        swap = vocabulary.ordinary[random.integers("swap", slots, 0, len(vocabulary.ordinary))]
        kept = [fate < self.masked, fate < self.masked + self.swapped]
        return np.select(kept, [np.asarray(vocabulary.mask or 0), swap], hidden)

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Cross entropy of the hidden tokens; only their places reach the vocabulary projection."""
        hidden_ND = learner.model.hidden(batch).flatten(0, 1).index_select(0, batch["places"])
        return learner.model.token_loss(hidden_ND, batch["targets"]), (batch["targets"] >= 0).sum()
