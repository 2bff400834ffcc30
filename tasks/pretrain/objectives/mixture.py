"""Several objectives in one run, each for a part of the rows: a mixture of denoisers as in UL2, arXiv:2205.05131.

Without UL2's mode tokens: the model is not told which objective a row is used for.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.model.architecture import ModelKind
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.corruption.masking_units import Bools
from tasks.pretrain.data.arrays import Arrays
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.objectives import Objective
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.objectives.denoising import Denoising
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.next_sentence import NextSentence
from tasks.pretrain.objectives.sentence_order import SentenceOrder
from tasks.pretrain.objectives.span_corruption import SpanCorruption

if TYPE_CHECKING:  # settings load without torch
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class MixtureWeights(Block):
    """Rows of each cycle for every part; 0 switches a part off. All active parts must need the same kind of model."""

    masked: int = Field(default=0, ge=0, description="encoders: masked tokens")
    masked_spans: int = Field(default=0, ge=0, description="encoders: masked spans")
    next_sentence: int = Field(default=0, ge=0, description="encoders: masked tokens and next sentence prediction")
    sentence_order: int = Field(default=0, ge=0, description="encoders: masked tokens and sentence order prediction")
    causal: int = Field(default=0, ge=0, description="decoders: next tokens")
    fill_in_middle: int = Field(default=0, ge=0, description="decoders: the middle of a document")
    span_corruption: int = Field(default=1, ge=0, description="encoder–decoders: short spans, UL2's R")
    extreme_corruption: int = Field(default=1, ge=0, description="encoder–decoders: long spans, UL2's X")
    denoising: int = Field(default=0, ge=0, description="encoder–decoders: the original of a corrupted text")


class Mixture(Objective):
    """Train on several objectives, each for a part of the rows.

    Every row has the same weight, however many tokens its objective predicts.
    """

    needs_sentences: ClassVar[bool] = True
    loss_description: ClassVar[str] = "mean of the parts' losses, weighted by their fractions of the rows"
    has_perplexity: ClassVar[bool] = False

    weights: MixtureWeights = MixtureWeights()
    masked: Masked = Masked()
    masked_spans: Masked = Masked(units="spans")
    next_sentence: NextSentence = NextSentence()
    sentence_order: SentenceOrder = SentenceOrder()
    causal: Causal = Causal()
    fill_in_middle: Causal = Causal(fim_rate=1.0)
    span_corruption: SpanCorruption = SpanCorruption()
    extreme_corruption: SpanCorruption = SpanCorruption(corruption_rate=0.5, mean_span_length=64)
    denoising: Denoising = Denoising()

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        # One name for each kind, so that more than one entry means a conflict.
        names = {part.model_kind: name for name, part, _ in self.active_parts()}
        if not names:
            raise ValueError("weights: at least one part must have a weight above 0")
        if len(names) > 1:
            raise ValueError(f"weights: {' and '.join(names.values())} need different kinds of model; set some to 0")
        return self

    def active_parts(self) -> list[tuple[str, Objective, int]]:
        """List the name, objective and weight of the parts whose weight is above 0."""
        weights = self.weights.model_dump()
        return [(name, getattr(self, name), weight) for name, weight in weights.items() if weight]

    def semantic(self) -> dict[str, Any]:
        """Return the settings for a key: the weights, and the settings of active parts only."""
        return {"weights": self.weights.semantic(), **{name: part.semantic() for name, part, _ in self.active_parts()}}

    @property
    def model_kind(self) -> ModelKind:  # type: ignore[override]
        """The kind of model that all active parts need."""
        return self.active_parts()[0][1].model_kind

    def check_tokenizer(self, vocabulary: Vocabulary) -> None:
        """Raise StageFailure when the tokenizer lacks a special token that an active part needs."""
        for _, part, _ in self.active_parts():
            part.check_tokenizer(vocabulary)

    def make_batch(self, rows: "Rows", random: Randomness) -> Arrays:
        """Make the batch of each part for its rows, with arrays named `part.array`.

        Shapes are static where the length of the cycle divides the number of rows.
        """
        names = [name for name, _, weight in self.active_parts() for _ in range(weight)]
        # The part depends on the sample's index in the run, not in the batch: it stays with the row however a batch is
        # split over micro-batches and ranks.
        cycle_indices = random.samples.astype(np.int64) % len(names)
        batch: Arrays = {}
        for name, part, _ in self.active_parts():
            # The cycle spelled out: a name as often as its weight says.
            selected = np.array([cycle_name == name for cycle_name in names])[cycle_indices]
            if selected.any():
                arrays = part.make_batch(
                    # The samples of the selected rows go along: a row keeps its random numbers whichever part it is
                    # in.
                    _select_rows(rows, selected),
                    Randomness(random.seed, random.samples[selected].astype(np.int64)),
                )
                batch |= {f"{name}.{key}": array for key, array in arrays.items()}
        return batch

    def build_learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":
        """Build a learner that holds the model, and what each active part adds to it."""
        from tasks.pretrain.learners.mixture import MixtureLearner  # noqa: PLC0415 - torch takes seconds to import

        return MixtureLearner(
            model, {name: part.build_learner(model, vocabulary, seed) for name, part, _ in self.active_parts()}
        )

    def compute_loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """Return the sum over the parts, each divided by the number of tokens that a row may predict there."""
        from tasks.pretrain.learners.mixture import MixtureLearner  # noqa: PLC0415 - torch takes seconds to import

        assert isinstance(learner, MixtureLearner)
        sums, counts = [], []
        for name, part, _ in self.active_parts():
            part_batch = {key.partition(".")[2]: tensor for key, tensor in batch.items() if key.startswith(f"{name}.")}
            if part_batch:
                total, count = part.compute_loss(learner.get_part(name), part_batch)
                # sum and count are divided by a constant, so that the loop's division gives the mean over rows
                max_predictions = part_batch["targets"].numel() / len(part_batch["tokens"])
                sums.append(total / max_predictions)
                counts.append(count / max_predictions)
        # With a start value, as `sum` would begin at the integer 0.
        return sum(sums[1:], sums[0]), sum(counts[1:], counts[0])


def _select_rows(rows: "Rows", selected: Bools) -> "Rows":
    sentences = None if rows.sentences is None else rows.sentences[selected]
    arrays = {name: getattr(rows, name)[selected] for name in ("tokens", "positions", "documents")}
    return replace(rows, **arrays, sentences=sentences)
