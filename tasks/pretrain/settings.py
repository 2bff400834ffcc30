"""The settings of a training run. Read by machines without torch too, so torch is not imported here."""

import bisect
import math
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block, OneOf
from tasks.model.architecture import MODEL_KINDS, Architecture
from tasks.pretrain.objectives import Objective
from tasks.pretrain.schedules.divergence import Divergence
from tasks.pretrain.schedules.folder_defaults import fill_folder_defaults
from tasks.pretrain.schedules.initial_weights import StartFrom
from tasks.pretrain.schedules.learning_rate import Schedule
from tasks.pretrain.schedules.ramp import Ramp, check_doubling
from tasks.pretrain.schedules.snapshot_mixing import Snapshots


class Optimizer(Block):
    """The optimizer: Muon beside AdamW, or AdamW alone."""

    kind: Literal["muon", "adamw"] = "muon"
    """muon: orthogonalised momentum for the matrices inside the model, and AdamW for the rest; adamw: AdamW for all"""
    learning_rate: float = Field(default=0.02, gt=0)
    """of AdamW: for embeddings, norms and biases beside muon; for all weights of kind adamw take about a tenth. Where a
    run goes on from a folder (start_from.folder) the default is 0.0001"""
    matrix_learning_rate: float = Field(default=0.02, gt=0)
    """of Muon: for the matrices inside the model; where a run goes on from a folder the default is 0.002"""
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of Muon")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="of AdamW: decay of the mean of the gradient")
    beta2: float = Field(default=0.95, ge=0, lt=1, description="of AdamW: decay of the mean of the squared gradient")
    weight_decay: float = Field(
        default=0.01, ge=0, description="fraction of a weight that a step takes away, times the learning rate"
    )
    max_grad_norm: float = Field(default=1.0, ge=0, description="the gradient is clipped to this norm; 0 does not clip")


class BatchSettings(Block):
    """The rows of a step."""

    batch_size: int = Field(default=8, ge=1, description="rows in a step, over all micro-batches and ranks")
    seq_length: int | None = Field(
        default=None, ge=8, description="tokens in a row; by default as many as the architecture takes"
    )
    grad_accumulation: int = Field(default=1, ge=1, description="micro-batches in a step: more need less memory")
    start_token: bool = True
    """begin every document with the tokenizer's <bos> or <cls>"""
    warmup_batch_size: int | None = Field(
        default=None, ge=1, description="rows in the first steps; they double up to batch_size"
    )
    warmup_seq_length: int | None = Field(
        default=None, ge=8, description="tokens in a row at first: rows are cut into shorter ones, ever fewer"
    )
    warmup_fraction: float = Field(
        default=0.2, ge=0, le=1, description="fraction of the steps until batch_size and seq_length are reached"
    )

    @property
    def min_batch_size(self) -> int:
        """Rows in the smallest step."""
        return self.warmup_batch_size or self.batch_size

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.min_batch_size % self.grad_accumulation:
            raise ValueError(
                f"grad_accumulation must divide the batch size: {self.min_batch_size} rows do not split into "
                f"{self.grad_accumulation}"
            )
        check_doubling("batch_size", self.min_batch_size, self.batch_size)
        return self


class Pretrain(Block):
    """Train a model on unlabelled text, from random weights or from an existing model."""

    architecture: Architecture = Architecture()
    start_from: StartFrom = StartFrom()
    objective: OneOf[Objective] = OneOf[Objective](kind="causal")
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    batch: BatchSettings = BatchSettings()
    steps: int = Field(default=300, ge=1, description="steps of the optimizer")
    tokens: int | None = Field(default=None, ge=1, description="train on so many positions of rows, instead of `steps`")
    snapshots: Snapshots = Snapshots()
    divergence: Divergence = Divergence()
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    """decay of the moving average of the weights, which is validated and saved: 0.999 is about the mean of the last
    1,000 steps, 0 takes the last step's weights"""
    eval_interval: int = Field(default=50, ge=1, description="steps between two measurements of the validation loss")
    eval_rows: int = Field(default=64, ge=1, description="at most so many rows are validated on")
    patience: int = Field(default=0, ge=0)
    """stop after so many validations without a better loss, and keep the best weights; 0 never stops early"""
    lstm_baseline: bool = False
    """after a causal run, train an LSTM of the same width in as many steps too, and report its perplexity"""
    onnx: Literal["none", "float", "int8"] = "none"
    """also save the model as ONNX, for runtimes without torch: in float32, or also with weights of 8 bits; the model
    card reports what that costs"""
    seed: int = Field(default=0, ge=0, description="decides the initial weights, the order of the rows and the masks")

    @property
    def seq_length(self) -> int:
        """Tokens in a row."""
        return self.batch.seq_length or self.architecture.max_length

    @property
    def num_steps(self) -> int:
        """Steps of the optimizer, also when the budget is given in tokens."""
        if self.tokens is None:
            return self.steps
        # The ramp's length is a fraction of the steps, so the tokens read grow with the steps but have no formula:
        # search for the fewest steps that read enough. Steps of the smallest size are the upper bound.
        max_steps = math.ceil(self.tokens / (self.batch.min_batch_size * self.seq_length))
        # range(1, max_steps) holds the step numbers from 1 on, so an index in it is one less than the step; where none
        # is enough, the index is behind the end, and gives max_steps.
        return 1 + bisect.bisect_left(
            range(1, max_steps),
            self.tokens,
            key=lambda steps: self._build_ramp(steps).sum_before(steps) * self.seq_length,
        )

    def _build_ramp(self, steps: int) -> Ramp:
        batch = self.batch
        return Ramp(batch.min_batch_size, batch.batch_size, round(batch.warmup_fraction * steps))

    @property
    def batch_size_ramp(self) -> Ramp:
        """Rows in each step."""
        return self._build_ramp(self.num_steps)

    @property
    def seq_length_ramp(self) -> Ramp:
        """Tokens in a row in each step."""
        start = self.batch.warmup_seq_length or self.seq_length
        return Ramp(start, self.seq_length, round(self.batch.warmup_fraction * self.num_steps))

    @model_validator(mode="before")
    @classmethod
    def _fill_folder_defaults(cls, settings: Any) -> Any:
        defaults = {
            "architecture": Architecture(),
            "optimizer": Optimizer(),
            "objective": cls.model_fields["objective"].default,
        }
        return fill_folder_defaults(settings, {name: block.model_dump() for name, block in defaults.items()})

    @model_validator(mode="after")
    def _check_objective(self) -> Self:
        if self.seq_length > self.architecture.max_length:
            raise ValueError(
                f"batch.seq_length {self.seq_length} is more than "
                f"architecture.max_length {self.architecture.max_length}"
            )
        check_doubling("seq_length", self.batch.warmup_seq_length or self.seq_length, self.seq_length)
        if self.objective.chosen.model_kind != self.architecture.model_kind:
            fitting = [family for family, reads in MODEL_KINDS.items() if reads == self.objective.chosen.model_kind]
            raise ValueError(
                f"objective {self.objective.kind} does not fit family {self.architecture.family}: "
                f"set architecture.family to {' or '.join(fitting)}"
            )
        return self
