"""Several objectives in one run, the rows taking turns: a mixture of denoisers as in UL2, arXiv:2205.05131.

Without its mode tokens: a row does not say which objective it is read for.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from tasks.block import Block
from tasks.model.architecture import Reads
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

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.model.packed import PackedModel
    from tasks.pretrain.data.rows import Rows
    from tasks.pretrain.learners.learner import Learner


class Turns(Block):
    """How many rows of each cycle every part reads; 0 leaves it out. Parts that are on must need the same model."""

    masked: int = Field(default=0, ge=0, description="encoders: hidden tokens")
    masked_spans: int = Field(default=0, ge=0, description="encoders: hidden spans")
    next_sentence: int = Field(default=0, ge=0, description="encoders: hidden tokens and pairs")
    sentence_order: int = Field(default=0, ge=0, description="encoders: hidden tokens and their order")
    causal: int = Field(default=0, ge=0, description="decoders: next tokens")
    infilling: int = Field(default=0, ge=0, description="decoders: the middle of a document")
    span_corruption: int = Field(default=1, ge=0, description="encoder–decoders: short spans, UL2's R")
    extreme_corruption: int = Field(default=1, ge=0, description="encoder–decoders: long spans, UL2's X")
    denoising: int = Field(default=0, ge=0, description="encoder–decoders: the whole text")


class Mixture(Objective):
    """Several objectives by turns. A row weighs the same whichever it is read for, however many tokens that guesses."""

    sentences: ClassVar[bool] = True
    loss_is: ClassVar[str] = "mean of the parts' losses, each by its share of the rows"
    perplexity: ClassVar[bool] = False

    turns: Turns = Turns()
    masked: Masked = Masked()
    masked_spans: Masked = Masked(units="spans")
    next_sentence: NextSentence = NextSentence()
    sentence_order: SentenceOrder = SentenceOrder()
    causal: Causal = Causal()
    infilling: Causal = Causal(infill=1.0)
    span_corruption: SpanCorruption = SpanCorruption()
    extreme_corruption: SpanCorruption = SpanCorruption(rate=0.5, mean_span=64)
    denoising: Denoising = Denoising()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = {part.reads: name for name, part, _ in self.parts()}
        if not found:
            raise ValueError("turns: at least one part must have some")
        if len(found) > 1:
            raise ValueError(f"turns: {' and '.join(found.values())} need different kinds of model; set some to 0")
        return self

    def parts(self) -> list[tuple[str, Objective, int]]:
        """Name, objective and turns of the parts that are on."""
        turns = self.turns.model_dump()
        return [(name, getattr(self, name), number) for name, number in turns.items() if number]

    def semantic(self) -> dict[str, Any]:
        """Parts that are off count nothing."""
        return {"turns": self.turns.semantic(), **{name: part.semantic() for name, part, _ in self.parts()}}

    @property
    def reads(self) -> Reads:  # type: ignore[override]
        """What all parts read."""
        return self.parts()[0][1].reads

    def needs(self, vocabulary: Vocabulary) -> None:
        """What each part needs."""
        for _, part, _ in self.parts():
            part.needs(vocabulary)

    def make(self, rows: "Rows", random: Randomness) -> Arrays:
        """The batch of each part for its rows, as `part.array`. Shapes are static where the cycle divides the rows."""
        names = [name for name, _, turns in self.parts() for _ in range(turns)]
        turn = random.slots.astype(np.int64) % len(names)
        batch: Arrays = {}
        for name, part, _ in self.parts():
            mine = np.array([each == name for each in names])[turn]
            if mine.any():
                made = part.make(_some(rows, mine), Randomness(random.seed, random.slots[mine].astype(np.int64)))
                batch |= {f"{name}.{key}": array for key, array in made.items()}
        return batch

    def learner(self, model: "PackedModel", vocabulary: Vocabulary, seed: int) -> "Learner":
        """The model, and what each part adds."""
        from tasks.pretrain.learners.mixture import Several  # noqa: PLC0415 - torch takes seconds to import

        return Several(model, {name: part.learner(model, vocabulary, seed) for name, part, _ in self.parts()})

    def loss(self, learner: "Learner", batch: Mapping[str, "Tensor"]) -> tuple["Tensor", "Tensor"]:
        """The sum over the parts, each divided by how many tokens a row may guess there."""
        from tasks.pretrain.learners.mixture import Several  # noqa: PLC0415 - torch takes seconds to import

        assert isinstance(learner, Several)
        sums, counts = [], []
        for name, part, _ in self.parts():
            mine = {key.partition(".")[2]: each for key, each in batch.items() if key.startswith(f"{name}.")}
            if mine:
                total, count = part.loss(learner.folder_with(name), mine)
                guesses = mine["targets"].numel() / len(mine["tokens"])
                sums.append(total / guesses)
                counts.append(count / guesses)
        return sum(sums[1:], sums[0]), sum(counts[1:], counts[0])


def _some(rows: "Rows", mine: Bools) -> "Rows":
    sentences = None if rows.sentences is None else rows.sentences[mine]
    parts = {name: getattr(rows, name)[mine] for name in ("tokens", "positions", "documents")}
    return replace(rows, **parts, sentences=sentences)
