"""The numbers of a run that change from step to step; its weights and moments are tensors."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.pretrain.schedules.divergence import AnomalyState


@dataclass
class TrainingProgress:
    """The progress of a run: its steps and tokens, its best validation loss, and its anomalies."""

    step: int = 0
    tokens: int = 0
    best_loss: float | None = None
    """the lowest validation loss so far"""
    best_step: int = 0
    validations_since_best: int = 0
    saved_step: int = 0
    """step of the newest checkpoint"""
    anomalies: AnomalyState = field(default_factory=AnomalyState)

    def record_validation(self, loss: float) -> None:
        """Remember the loss if it is the best one so far, or count that it is not."""
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_step, self.validations_since_best = loss, self.step, 0
        else:
            self.validations_since_best += 1

    def as_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; its step is in its name."""
        # The names are those of files that were written long ago.
        return {
            "tokens": self.tokens,
            "best": self.best_loss,
            "best_step": self.best_step,
            "worse": self.validations_since_best,
            "troubles": asdict(self.anomalies),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a checkpoint's numbers, but for the anomalies.

        A rollback must not forget what it was made for, or the run would meet it again.
        """
        self.step, self.tokens, self.best_step = state["step"], state["tokens"], state["best_step"]
        self.best_loss, self.validations_since_best = state["best"], state["worse"]
