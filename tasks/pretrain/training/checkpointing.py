"""The checkpoints of a run: what they hold, and how a run returns to one.

A checkpoint has the tensors of the learner, the optimizers and the weight average, each whole, whatever the number of
ranks, and a few numbers as JSON. The rows to read follow from the step.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tasks.errors import StageFailure
from tasks.pretrain.distributed.sharding import gather_on_leader, take_own_shard
from tasks.pretrain.schedules.divergence import AnomalyState

if TYPE_CHECKING:
    from tasks.pretrain.training.loop import Training


def save_checkpoint(run: "Training") -> None:
    """Begin to write a checkpoint of this step, in a thread. All ranks must call it together."""
    run.saved_step = run.step
    tensors = {f"learner.{name}": tensor for name, tensor in run.learner.state_tensors().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in run.optimizers.get_state().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in run.average.get_state().items()}
    # sharded tensors are gathered by all ranks together, so the others leave only now
    tensors = gather_on_leader(tensors, run.ranks.is_leader)
    if not run.ranks.is_leader:
        return
    # or a power cut might leave a checkpoint of steps that the metrics do not know
    run.metrics.sync()
    state = {
        "settings": run.settings.semantic(),
        "tokens": run.tokens,
        "best": run.best_loss,
        "best_step": run.best_step,
        "worse": run.validations_since_best,
        "hardware": run.hardware.as_dict(),
        "troubles": asdict(run.anomalies),
    }
    # Steps beside the last ones that may still be needed: the best weights, and the goal of a rollback.
    kept_steps = {run.best_step} if run.settings.patience else set()
    kept_steps |= {run.rollback_step} if run.settings.divergence.uses_rollback else set()
    run.checkpoints.start_save(run.step, tensors, state, kept_steps)


def resume_from_latest(run: "Training") -> None:
    """Go on from the newest valid checkpoint, if there is one. Raises StageFailure when it is of other settings."""
    checkpoint = run.checkpoints.load_latest()
    if checkpoint is None:
        return
    tensors, state = checkpoint
    if state["settings"] != run.settings.semantic():
        raise StageFailure(
            f"{run.checkpoints.folder} holds checkpoints of other settings", "Use another folder, or empty it"
        )
    _restore(run, tensors, state)
    run.anomalies = AnomalyState(**state["troubles"])


def roll_back(run: "Training") -> None:
    """Return to the last rollback step with everything but the record of anomalies.

    Later checkpoints are dropped: a run that is killed now meets the same anomaly again, and answers it from the same
    step.
    """
    step = run.rollback_step
    # the leader may still be writing the very checkpoint that all are about to read
    run.checkpoints.wait()
    run.ranks.barrier()
    checkpoint = run.checkpoints.load(step)
    if checkpoint is None:
        raise StageFailure(f"the checkpoint to roll back to, step {step}, is corrupt", "Start the stage again")
    # the leader deletes checkpoints only when all ranks have read theirs
    run.ranks.barrier()
    if run.ranks.is_leader:
        run.checkpoints.drop_after(step)
    _restore(run, *checkpoint)
    run.metrics.truncate(step)


def load_final_weights(run: "Training") -> None:
    """Put the weights into the model that are exported: with patience the best ones, and their average if any."""
    if run.settings.patience and run.best_step not in (0, run.step):
        checkpoint = run.checkpoints.load(run.best_step)
        if checkpoint is None:
            raise StageFailure(f"the best checkpoint, step {run.best_step}, is corrupt", "Start the stage again")
        _restore_weights(run, checkpoint[0])
    run.average.swap()


def _restore(run: "Training", tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    _restore_weights(run, tensors)
    run.optimizers.load_state(_select("optimizer.", tensors))
    # `anomalies` is not restored here: a rollback must not forget what it was made for, or the run would meet it
    # again.
    run.step, run.tokens = state["step"], state["tokens"]
    run.best_loss, run.best_step, run.validations_since_best = state["best"], state["best_step"], state["worse"]


def _restore_weights(run: "Training", tensors: dict[str, Tensor]) -> None:
    saved, own = _select("learner.", tensors), run.learner.state_tensors()
    # Equal settings do not exclude another version of transformers, whose modules may have other names.
    if {name: t.shape for name, t in saved.items()} != {name: t.shape for name, t in own.items()}:
        raise StageFailure(
            f"{run.checkpoints.folder} holds checkpoints of a model of another shape", "Empty it, or use another"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(take_own_shard(saved[name], tensor))
        run.average.load_state(_select("average.", tensors))


def _select(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
