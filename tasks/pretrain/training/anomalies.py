"""Steps whose loss spikes or is not finite: taken all the same, skipped, or rolled back, as the settings say."""

from typing import TYPE_CHECKING

from tasks.errors import StageFailure
from tasks.pretrain.training.checkpointing import roll_back

if TYPE_CHECKING:
    from tasks.pretrain.training.loop import Training


def must_retry_step(run: "Training", loss: float, norm: float) -> bool:
    """Act on an anomaly of the step that is about to be taken. Return True when it must start again with other rows.

    `loss` and `norm` are the step's mean loss and its gradient's norm before clipping. Raises StageFailure when the
    settings say to stop, or when too many steps since the last rollback step went wrong.
    """
    settings, state = run.settings.divergence, run.anomalies
    recent_losses = [record["loss"] for record in run.metrics.records[-settings.spike_window :]]
    anomaly = settings.find_anomaly(loss, norm, recent_losses)
    if anomaly is None:
        return False
    action = settings.action_for(anomaly)
    state.count(anomaly)
    message = f"the loss of step {run.step + 1} is {loss:.6g}, its gradient norm {norm:.6g}"
    if action == "log":
        run.notes.append(f"{message}: a spike")
        return False
    state.tries += 1
    if action == "stop" or state.tries > settings.max_retries:
        tried = f", after {settings.max_retries} retries" if state.tries > settings.max_retries else ""
        raise StageFailure(
            message + tried,
            "Lower pretrain.optimizer.learning_rate or matrix_learning_rate, or raise schedule.warmup_fraction",
        )
    # nothing of the bad batch may stay: neither its gradients nor what its forward pass put into a queue
    run.optimizers.zero_grad()
    run.objective.after_skipped_step(run.learner)
    # Computed before the rollback, which changes the step: the first row behind the bad batch.
    next_sample = run.next_sample + run.batch_size_ramp.value_at(run.step)
    if action == "roll_back":
        roll_back(run)
        state.rolled_back += 1
    else:
        state.skipped += 1
    # counted from the step that is tried next, so that its rows begin behind the bad batch, also after a resume
    state.passed = next_sample - run.batch_size_ramp.sum_before(run.step)
    run.notes.append(f"{message}: goes on from step {run.step} with the rows behind its batch")
    return True
