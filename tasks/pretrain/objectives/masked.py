"""Masked language modelling: BERT, arXiv:1810.04805 section 3.1; with new masks in each epoch as in RoBERTa.

Whole words and spans as in SpanBERT, arXiv:1907.10529 section 3.1 (without its span boundary objective).

Shape suffixes: N predicted positions of all rows, D hidden size.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tasks.errors import StageFailure
from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.model.word_boundaries import load_segmenter
from tasks.pretrain.corruption.masking_units import (
    Bools,
    Int64s,
    find_unit_starts,
    sample_span_starts,
    sample_units,
    sample_whole_units,
)
from tasks.pretrain.data.arrays import IGNORE_INDEX, Arrays, build_model_inputs
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Masked(Objective):
    """Hide some tokens, and predict them from the tokens on both sides."""

    model_kind: ClassVar[ModelKind] = "encoder"

    mask_rate: float = Field(default=0.15, gt=0, lt=1, description="fraction of a row's positions that are predicted")
    mask_token_fraction: float = Field(
        default=0.8, ge=0, le=1, description="fraction of the predicted tokens that are replaced by the mask token"
    )
    random_token_fraction: float = Field(
        default=0.1, ge=0, le=1, description="fraction that is replaced by a random token; the rest is kept"
    )

    units: Literal["tokens", "words", "spans"] = "tokens"
    """mask single tokens, whole words (BERT's later release), or spans of words (SpanBERT, arXiv:1907.10529)"""
    segmenter: Literal["characters", "jieba"] = "characters"
    """words in Chinese: single tokens, or words as jieba segments them (pip install rjieba)"""
    span_p: float = Field(
        default=0.2, gt=0, lt=1, description="probability that a span ends after a word: lower makes longer spans"
    )
    max_span_words: int = Field(default=10, ge=1, description="maximum number of words in a span")
    static_masking: bool = False
    """the same masks in each epoch, as in BERT; otherwise new ones, as in RoBERTa"""

    @model_validator(mode="after")
    def _check_fractions(self) -> Self:
        if self.mask_token_fraction + self.random_token_fraction > 1:
            raise ValueError(
                "mask_token_fraction and random_token_fraction are of the same tokens: their sum must not exceed 1"
            )
        return self

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer has no mask token, or the segmenter is not installed."""
        if vocabulary.mask is None:
            raise StageFailure("the tokenizer has no mask token", "Add <mask> to its special tokens")
        if self.units != "tokens" and self.segmenter == "jieba":
            load_segmenter()

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch: masked tokens, and the same number of predicted positions in every row.

        Special tokens are never masked. A row with little text has predicted positions without a target.
        """
        if self.static_masking:
            random = random.from_tokens(rows.tokens)
        num_rows, length = rows.tokens.shape
        num_predictions = max(1, round(self.mask_rate * length))
        special = (rows.documents < 0) | rows.vocabulary.is_special[rows.tokens]
        unit_starts = find_unit_starts(self._find_units(rows, special, random))
        sample = sample_whole_units if self.units == "words" else sample_units
        chosen = sample(unit_starts, ~special, random.uniform("which", length), num_predictions)
        # the chosen positions, and others where fewer are chosen: shapes must not depend on the text
        positions = np.sort(np.argsort(~chosen, axis=1, kind="stable")[:, :num_predictions], axis=1)
        originals = np.take_along_axis(rows.tokens, positions, axis=1)
        has_target = np.take_along_axis(chosen, positions, axis=1)
        starts_of_predicted = np.take_along_axis(unit_starts, positions, axis=1)
        replacements = self._replace_tokens(originals, starts_of_predicted, rows.vocabulary, random)
        tokens = rows.tokens.copy()
        np.put_along_axis(tokens, positions, np.where(has_target, replacements, originals), axis=1)
        # from positions in a row to indices into the flattened rows
        positions += np.arange(num_rows)[:, None] * length
        targets = np.where(has_target, originals, IGNORE_INDEX)
        return {**build_model_inputs(rows, tokens), "predicted_indices": positions.ravel(), "targets": targets.ravel()}

    def _find_units(self, rows: "Rows", special: Bools, random: Randomness) -> Bools:
        """Return flags of the positions at which units start; none crosses a special token or a document's end."""
        if self.units == "tokens":
            return np.ones_like(special)
        is_border = special.copy()
        is_border[:, 1:] |= special[:, :-1] | (rows.documents[:, 1:] != rows.documents[:, :-1])
        boundaries = rows.vocabulary.word_boundaries
        find_starts = boundaries.find_segmented_starts if self.segmenter == "jieba" else boundaries.find_starts
        word_starts = is_border | find_starts(rows.tokens)
        if self.units == "words":
            return word_starts
        # Borders again: spans are counted in words of the whole row, and must not cross them.
        return is_border | sample_span_starts(
            word_starts, random.uniform("span", special.shape[1]), self.span_p, self.max_span_words
        )

    def _replace_tokens(
        self, originals: Int64s, unit_starts: Int64s, vocabulary: Vocabulary, random: Randomness
    ) -> Int64s:
        """Return the tokens that replace the predicted ones: masks, random tokens, or the originals.

        All tokens of a span are replaced in the same way, as in SpanBERT.
        """
        num_predictions = originals.shape[1]
        if self.units == "spans":
            # one number a span: all its tokens find it at the position where the span starts
            fate = np.take_along_axis(random.uniform("fate", int(unit_starts.max()) + 1), unit_starts, axis=1)
        else:
            fate = random.uniform("fate", num_predictions)
        # BERT draws from the whole vocabulary; a special token in the text could be taken for a border.
        random_tokens = vocabulary.ordinary_ids[
            random.integers("swap", num_predictions, 0, len(vocabulary.ordinary_ids))
        ]
        conditions = [fate < self.mask_token_fraction, fate < self.mask_token_fraction + self.random_token_fraction]
        return np.select(conditions, [np.asarray(vocabulary.mask or 0), random_tokens], originals)

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the cross entropy of the masked tokens; only their positions reach the vocabulary projection."""
        hidden_ND = learner.model.compute_hidden(batch).flatten(0, 1).index_select(0, batch["predicted_indices"])
        return learner.model.compute_token_loss(hidden_ND, batch["targets"]), (batch["targets"] >= 0).sum()
