"""The settings of a training run. Read by machines without torch too, so torch is not imported here."""

import bisect
import math
from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block, OneOf
from tasks.model.architecture import MODEL_KINDS, Architecture
from tasks.pretrain.objectives import Objective
from tasks.pretrain.schedules.divergence import Divergence
from tasks.pretrain.schedules.initial_weights import StartFrom
from tasks.pretrain.schedules.learning_rate import Schedule
from tasks.pretrain.schedules.ramp import Ramp, check_doubles
from tasks.pretrain.schedules.snapshot_mixing import Snapshots


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
    first_rows: int | None = Field(default=None, ge=1, description="rows in a step at first; they double up to rows")
    first_length: int | None = Field(
        default=None, ge=8, description="tokens in a row at first: each row is cut into shorter ones, ever fewer"
    )
    ramp: float = Field(default=0.2, ge=0, le=1, description="share of the steps until rows and length are full")

    @property
    def least_rows(self) -> int:
        """Rows in the smallest step."""
        return self.first_rows or self.rows

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.least_rows % self.accumulation:
            raise ValueError(
                f"accumulation must divide rows: {self.least_rows} rows do not split into {self.accumulation}"
            )
        check_doubles("rows", self.least_rows, self.rows)
        return self


class Pretrain(Block):
    """Train a model from random weights on unlabelled text."""

    architecture: Architecture = Architecture()
    start_from: StartFrom = StartFrom()
    objective: OneOf[Objective] = OneOf[Objective](kind="causal")
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    batch: Batch = Batch()
    steps: int = Field(default=300, ge=1, description="steps of the optimizer")
    tokens: int | None = Field(default=None, ge=1, description="train on so many places in rows, instead of `steps`")
    snapshots: Snapshots = Snapshots()
    divergence: Divergence = Divergence()
    average: float = Field(default=0.0, ge=0, lt=1)
    """moving average of the weights, which is validated and saved: 0.999 is about the mean of the last 1,000 steps,
    0 takes the last step's weights"""
    validate_every: int = Field(default=50, ge=1, description="steps between two measurements of the validation loss")
    validation_rows: int = Field(default=64, ge=1, description="at most so many rows are validated on")
    patience: int = Field(default=0, ge=0)
    """stop after so many validations without a better loss, and keep the best weights; 0 never stops early"""
    lstm: bool = False
    """after a causal run, train an LSTM of the same width in as many steps too, and report its perplexity"""
    onnx: Literal["none", "float", "int8"] = "none"
    """also save the model as ONNX, for runtimes without torch: in float32, or also with weights of 8 bits; the card
    tells what that costs"""
    seed: int = Field(
        default=0, ge=0, description="decides the first weights, the order of the rows and what is hidden"
    )

    @property
    def length(self) -> int:
        """Tokens in a row."""
        return self.batch.length or self.architecture.max_length

    @property
    def num_steps(self) -> int:
        """Steps of the optimizer, also when the budget is given in tokens."""
        if self.tokens is None:
            return self.steps
        most = math.ceil(self.tokens / (self.batch.least_rows * self.length))
        return 1 + bisect.bisect_left(
            range(1, most), self.tokens, key=lambda steps: self._ramp(steps).rows_before(steps) * self.length
        )

    def _ramp(self, steps: int) -> Ramp:
        return Ramp(self.batch.least_rows, self.batch.rows, round(self.batch.ramp * steps))

    @property
    def rows_ramp(self) -> Ramp:
        """Rows in each step."""
        return self._ramp(self.num_steps)

    @property
    def length_ramp(self) -> Ramp:
        """Tokens in a row in each step."""
        first = self.batch.first_length or self.length
        return Ramp(first, self.length, round(self.batch.ramp * self.num_steps))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length > self.architecture.max_length:
            raise ValueError(
                f"batch.length {self.length} is more than architecture.max_length {self.architecture.max_length}"
            )
        check_doubles("length", self.batch.first_length or self.length, self.length)
        if self.objective.chosen.model_kind != self.architecture.model_kind:
            fitting = [family for family, reads in MODEL_KINDS.items() if reads == self.objective.chosen.model_kind]
            raise ValueError(
                f"objective {self.objective.kind} does not fit family {self.architecture.family}: "
                f"set architecture.family to {' or '.join(fitting)}"
            )
        return self
