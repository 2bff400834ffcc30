"""The settings of a training run. Read by machines without torch too, so torch is not imported here."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block, OneOf
from tasks.model.architecture import Architecture
from tasks.pretrain.objectives import Objective
from tasks.pretrain.schedule import Schedule


class Optimizer(Block):
    """How gradients become steps."""

    kind: Literal["muon", "adamw"] = "muon"
    """muon: orthogonalised momentum for the matrices inside the model and AdamW for the rest; adamw: AdamW for all"""
    learning_rate: float = Field(default=0.02, gt=0)
    """of AdamW: for embeddings, norms and biases beside muon; for all weights of kind adamw take about a tenth"""
    matrix_learning_rate: float = Field(default=0.02, gt=0, description="of Muon: the matrices inside the model")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of Muon")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="of AdamW: memory of the gradient")
    beta2: float = Field(default=0.95, ge=0, lt=1, description="of AdamW: memory of the gradient's square")
    weight_decay: float = Field(
        default=0.01, ge=0, description="share of a weight lost a step, times the learning rate"
    )
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 does not clip")


class Batch(Block):
    """What one step reads."""

    rows: int = Field(default=8, ge=1, description="rows in a step, over all micro-batches")
    length: int | None = Field(default=None, ge=8, description="tokens in a row, if not the architecture's context")
    accumulation: int = Field(default=1, ge=1, description="micro-batches in a step: more need less memory")
    start_token: bool = True
    """begin every document with the tokenizer's <bos> or <cls>"""

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.rows % self.accumulation:
            raise ValueError(f"accumulation must divide rows: {self.rows} rows do not split into {self.accumulation}")
        return self


class Pretrain(Block):
    """Train a model from random weights on unlabelled text."""

    architecture: Architecture = Architecture()
    objective: OneOf[Objective] = OneOf[Objective](kind="causal")
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    batch: Batch = Batch()
    steps: int = Field(default=300, ge=1, description="steps of the optimizer")
    tokens: int | None = Field(default=None, ge=1, description="train on so many places in rows, instead of `steps`")
    validate_every: int = Field(default=50, ge=1, description="steps between two measurements of the validation loss")
    validation_rows: int = Field(default=64, ge=1, description="at most so many rows are validated on")
    patience: int = Field(default=0, ge=0)
    """stop after so many validations without a better loss, and keep the best weights; 0 never stops early"""
    seed: int = Field(
        default=0, ge=0, description="decides the first weights, the order of the rows and what is hidden"
    )

    @property
    def length(self) -> int:
        """Tokens in a row."""
        return self.batch.length or self.architecture.context

    @property
    def num_steps(self) -> int:
        """Steps of the optimizer, also when the budget is given in tokens."""
        return self.steps if self.tokens is None else math.ceil(self.tokens / (self.batch.rows * self.length))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length > self.architecture.context:
            raise ValueError(
                f"batch.length {self.length} is more than architecture.context {self.architecture.context}"
            )
        if self.objective.chosen.causal != self.architecture.causal:
            needed = "gpt2" if self.objective.chosen.causal else "bert"
            raise ValueError(
                f"objective {self.objective.kind} does not fit family {self.architecture.family}: "
                f"set architecture.family to {needed}"
            )
        return self
