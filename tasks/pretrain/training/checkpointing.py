"""The checkpoints of a run: what they hold, and how a run returns to one.

A checkpoint has the tensors of the learner, the optimizers and the weight average, each whole, whatever the number of
ranks, and a few numbers as JSON. The rows to read follow from the step.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tasks.errors import StageFailure
from tasks.model.checkpoint import Checkpoints
from tasks.model.hardware import Hardware
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.distributed.sharding import gather_on_leader, take_own_shard
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.optim.muon_adamw import Optimizers
from tasks.pretrain.optim.weight_average import WeightAverage
from tasks.pretrain.schedules.divergence import AnomalyState
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.training_progress import TrainingProgress


@dataclass
class Checkpointer:
    """Saves what a run has learned to the files of its checkpoints, and puts it back in place."""

    settings: Pretrain
    hardware: Hardware
    ranks: Ranks
    progress: TrainingProgress
    learner: Learner
    optimizers: Optimizers
    average: WeightAverage
    checkpoints: Checkpoints

    def save(self) -> None:
        """Begin to write a checkpoint of this step, in a thread. All ranks must call it together."""
        progress, divergence = self.progress, self.settings.divergence
        progress.saved_step = progress.step
        tensors = {f"learner.{name}": tensor for name, tensor in self.learner.state_tensors().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizers.get_state().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.get_state().items()}
        # sharded tensors are gathered by all ranks together, so the others leave only now
        tensors = gather_on_leader(tensors, self.ranks.is_leader)
        if not self.ranks.is_leader:
            return
        state = {"settings": self.settings.semantic(), "hardware": self.hardware.as_dict(), **progress.as_dict()}
        # Steps beside the last ones that may still be needed: the best weights, and the goal of a rollback.
        kept_steps = {progress.best_step} if self.settings.patience else set()
        kept_steps |= {divergence.find_rollback_step(progress.step)} if divergence.uses_rollback else set()
        self.checkpoints.start_save(progress.step, tensors, state, kept_steps)

    def resume_from_latest(self) -> None:
        """Go on from the newest valid checkpoint, if there is one. Raises StageFailure when it is of other settings."""
        checkpoint = self.checkpoints.load_latest()
        if checkpoint is None:
            return
        tensors, state = checkpoint
        if state["settings"] != self.settings.semantic():
            raise StageFailure(
                f"{self.checkpoints.folder} holds checkpoints of other settings", "Use another folder, or empty it"
            )
        self._restore(tensors, state)
        self.progress.anomalies = AnomalyState(**state["troubles"])

    def roll_back(self) -> None:
        """Return to the last rollback step with everything but the record of anomalies.

        Later checkpoints are dropped: a run that is killed now meets the same anomaly again, and answers it from the
        same step.
        """
        step = self.settings.divergence.find_rollback_step(self.progress.step)
        # the leader may still be writing the very checkpoint that all are about to read
        self.checkpoints.wait()
        self.ranks.barrier()
        checkpoint = self.checkpoints.load(step)
        if checkpoint is None:
            raise StageFailure(f"the checkpoint to roll back to, step {step}, is corrupt", "Start the stage again")
        # the leader deletes checkpoints only when all ranks have read theirs
        self.ranks.barrier()
        if self.ranks.is_leader:
            self.checkpoints.drop_after(step)
        self._restore(*checkpoint)

    def load_final_weights(self) -> None:
        """Put the weights into the model that are exported: with patience the best ones, and their average if any."""
        best_step = self.progress.best_step
        if self.settings.patience and best_step not in (0, self.progress.step):
            checkpoint = self.checkpoints.load(best_step)
            if checkpoint is None:
                raise StageFailure(f"the best checkpoint, step {best_step}, is corrupt", "Start the stage again")
            self._restore_weights(checkpoint[0])
        self.average.swap()

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        self._restore_weights(tensors)
        self.optimizers.load_state(_select("optimizer.", tensors))
        self.progress.restore(state)

    def _restore_weights(self, tensors: dict[str, Tensor]) -> None:
        saved, own = _select("learner.", tensors), self.learner.state_tensors()
        # Equal settings do not exclude another version of transformers, whose modules may have other names.
        if {name: t.shape for name, t in saved.items()} != {name: t.shape for name, t in own.items()}:
            raise StageFailure(
                f"{self.checkpoints.folder} holds checkpoints of a model of another shape", "Empty it, or use another"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(take_own_shard(saved[name], tensor))
            self.average.load_state(_select("average.", tensors))


def _select(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
