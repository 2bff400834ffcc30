"""Detects loss spikes and losses that are not finite, and says what to do about them.

Going back some 100 steps and skipping the batches since cured the spikes of PaLM: arXiv:2204.02311 section 5.1.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import Field

from tasks.block import Block
from tasks.errors import StageFailure

AnomalyKind = Literal["non_finite", "spikes"]
AnomalyAction = Literal["stop", "log", "skip", "roll_back"]

# the metrics' name of each count, and the summary's label for it
ANOMALY_LABELS = {
    "non_finite": "losses that were not finite",
    "spikes": "loss spikes",
    "skipped": "batches skipped",
    "rolled_back": "rollbacks to a checkpoint",
}


@dataclass
class AnomalyState:
    """The anomalies of a run so far, and what was done about them.

    Kept in checkpoints under these names, so that a resumed run acts as the first one would have.
    """

    non_finite: int = 0
    spikes: int = 0
    skipped: int = 0
    rolled_back: int = 0
    passed: int = 0
    """rows that were left out: by so many the run is further in its data than its step says"""
    tries: int = 0
    """skips and rollbacks since the last rollback step"""

    def count(self, anomaly: AnomalyKind) -> None:
        """Count one more anomaly of a kind."""
        setattr(self, anomaly, getattr(self, anomaly) + 1)

    def as_metrics(self) -> dict[str, int]:
        """Return the counts that are not 0, for the metrics."""
        return {name: getattr(self, name) for name in ANOMALY_LABELS if getattr(self, name)}


class LossAnomaly(NamedTuple):
    """A step whose loss or gradient is not as usual, and what is done about it."""

    action: AnomalyAction
    message: str

    @property
    def leaves_out_batch(self) -> bool:
        """True when the step must begin again with other rows."""
        return self.action in ("skip", "roll_back")


class Divergence(Block):
    """Actions on a step whose loss spikes or is not finite; the metrics count all of them.

    stop ends the run and says what to change; log takes the step all the same; skip leaves its batch out; roll_back
    returns to the last checkpoint at a multiple of `rollback_interval` steps, and leaves out all batches since.
    """

    non_finite: Literal["stop", "skip", "roll_back"] = "stop"
    """what to do about a loss or a gradient that is not finite"""
    spike: AnomalyAction = "log"
    """what to do about a loss that spikes"""
    spike_factor: float = Field(default=2.0, gt=1, description="a loss over so many times the usual one is a spike")
    spike_window: int = Field(default=50, ge=2, description="the usual loss is the median over so many steps before")
    rollback_interval: int = Field(default=100, ge=1, description="steps between the checkpoints that roll_back uses")
    max_retries: int = Field(
        default=10, ge=1, description="so many skips and rollbacks between two of those checkpoints, then the run ends"
    )

    @property
    def uses_rollback(self) -> bool:
        """True when checkpoints are needed to roll back to."""
        return "roll_back" in (self.non_finite, self.spike)

    def find_anomaly(self, loss: float, norm: float, losses: Sequence[float]) -> AnomalyKind | None:
        """Tell what is wrong with a step, given its loss, its gradient norm, and the losses of all steps before."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            return "non_finite"
        window = losses[-self.spike_window :]
        is_full = len(window) == self.spike_window  # fewer losses do not say what is usual
        # The median and not the mean: a spike that was let pass must not raise what counts as usual.
        return "spikes" if is_full and loss > self.spike_factor * statistics.median(window) else None

    def action_for(self, anomaly: AnomalyKind) -> AnomalyAction:
        """Return the action that is set for an anomaly."""
        return self.non_finite if anomaly == "non_finite" else self.spike

    def find_rollback_step(self, step: int) -> int:
        """Return the step whose checkpoint a rollback at `step` returns to."""
        return step - step % self.rollback_interval

    def judge_step(
        self, state: AnomalyState, step: int, loss: float, norm: float, losses: Sequence[float]
    ) -> LossAnomaly | None:
        """Judge a step by its loss, its gradient norm before clipping, and the losses of all steps before.

        Return None when it is as usual; else count its anomaly in `state`. Raises StageFailure when the settings say
        to stop, or when too many steps since the last rollback step went wrong.
        """
        kind = self.find_anomaly(loss, norm, losses)
        if kind is None:
            return None
        state.count(kind)
        anomaly = LossAnomaly(
            self.action_for(kind), f"the loss of step {step} is {loss:.6g}, its gradient norm {norm:.6g}"
        )
        if anomaly.action == "log":
            return anomaly
        state.tries += 1
        if anomaly.action == "stop" or state.tries > self.max_retries:
            tried = f", after {self.max_retries} retries" if state.tries > self.max_retries else ""
            raise StageFailure(
                anomaly.message + tried,
                "Lower pretrain.optimizer.learning_rate or matrix_learning_rate, or raise schedule.warmup_fraction",
            )
        return anomaly
