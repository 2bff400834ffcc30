"""One training loop for every objective.

Everything a step does is a function of the settings, the tokens and the step's number. So a run that was killed
continues from any checkpoint and ends with the same bits, whenever checkpoints were written.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.model.checkpoint import Checkpoints
from tasks.model.hardware import Hardware
from tasks.model.layer_decay import compute_rate_factors
from tasks.model.packed import PackedModel
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.monitoring.metrics import MetricsLog, StepMetrics
from tasks.pretrain.optim.muon_adamw import Optimizers
from tasks.pretrain.optim.weight_average import WeightAverage
from tasks.pretrain.schedules.divergence import LossAnomaly
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.checkpointing import Checkpointer
from tasks.pretrain.training.gradients import Gradients
from tasks.pretrain.training.training_data import TrainingData
from tasks.pretrain.training.training_progress import TrainingProgress


@dataclass
class Usage:
    """Time and tokens that this process spent on training steps: not on validation, and not before it resumed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tokens: int = 0


def describe_new_head(weights: Sequence[str]) -> str:
    """Return a phrase on the weights of a head that begin at random because the folder lacks them."""
    return f"weights for the head ({weights[0]} and {len(weights) - 1} more), which begins at random"


class Training:
    """A run: its data, its model, and its progress."""

    def __init__(
        self,
        settings: Pretrain,
        tokens: Sequence[Path],
        scratch: Path,
        hardware: Hardware,
        ranks: Ranks = Ranks(),  # noqa: B008 - frozen
    ) -> None:
        self.settings, self.hardware, self.ranks = settings, hardware, ranks
        self.objective = settings.objective.chosen
        self.data = TrainingData(settings, tokens, ranks.world_size)
        self.vocabulary = self.data.vocabulary
        self.batch_size_ramp, self.seq_length_ramp = settings.batch_size_ramp, settings.seq_length_ramp
        self.num_steps = settings.num_steps

        start = settings.start_from
        module, self.new_head = start.build_model(
            settings.architecture, tokens[0] / "tokenizer", self.vocabulary, settings.seed
        )
        hardware.enable_recomputation(module)
        self.model = PackedModel(module, settings.architecture.model_kind)
        self.model.configure_for(hardware)
        self.learner = self.objective.build_learner(self.model, self.vocabulary, settings.seed)
        self.learner.to(hardware.device).train()
        # before the optimizer: sharding replaces the parameters
        self.gradients = Gradients(settings, self.data, self.learner, hardware, ranks)
        self.optimizers = Optimizers(settings.optimizer, self.learner, compute_rate_factors(module, start.layer_decay))
        self.average = WeightAverage(self.learner, settings.ema_decay)

        self.progress = TrainingProgress()
        self.notes = [f"{start.folder} has no {describe_new_head(self.new_head)}"] if self.new_head else []
        self.usage = Usage()

        self.checkpoints = Checkpoints(scratch / "checkpoints")
        # After everything that has a state exists: its tensors are overwritten in place.
        self.checkpointer = Checkpointer(
            settings, hardware, ranks, self.progress, self.learner, self.optimizers, self.average, self.checkpoints
        )
        self.checkpointer.resume_from_latest()
        self.resumed_at = self.progress.saved_step = self.progress.step
        ranks.check_equal("a checkpoint of step", self.resumed_at)
        self.metrics = MetricsLog(scratch, self.resumed_at)
        # the leader rewrites the metrics only when all ranks have read them
        ranks.barrier()
        if ranks.is_leader:
            self.metrics.start_writing()
        if settings.divergence.uses_rollback and not self.resumed_at:
            # The checkpoint of step 0, or a rollback before the first interval would have nowhere to go.
            self.save_checkpoint()

    @property
    def is_done(self) -> bool:
        """True when the budget is used up, or the validation loss got no better for too long."""
        patience = self.settings.patience
        progress = self.progress
        return progress.step >= self.num_steps or bool(patience and progress.validations_since_best >= patience)

    @property
    def next_sample(self) -> int:
        """Number of the first row of the next step, in the endless sequence of training rows."""
        return self.batch_size_ramp.sum_before(self.progress.step) + self.progress.anomalies.passed

    @property
    def num_predictions(self) -> float:
        """Number of tokens that the last step predicted, on all ranks; 0 for a learner without the vocabulary head."""
        return self.gradients.num_predictions if self.learner.module is self.model.module else 0.0

    @property
    def must_checkpoint(self) -> bool:
        """True when this very step needs a checkpoint: its weights may be exported, or be rolled back to."""
        is_best = bool(self.settings.patience) and self.progress.best_step == self.progress.step
        return self.is_done or is_best or (self.settings.divergence.uses_rollback and self.is_rollback_step)

    @property
    def is_rollback_step(self) -> bool:
        """True when a rollback returns to this very step."""
        return self.settings.divergence.find_rollback_step(self.progress.step) == self.progress.step

    def draw_samples(self, step: int) -> tuple[Int64s, int]:
        """Return the numbers of the rows that a step reads, and how many sequences each row is cut into.

        A row is cut while `seq_length_ramp` asks for shorter sequences.
        """
        first = self.batch_size_ramp.sum_before(step) + self.progress.anomalies.passed
        samples = np.arange(first, first + self.batch_size_ramp.value_at(step), dtype=np.int64)
        return samples, self.settings.seq_length // self.seq_length_ramp.value_at(step)

    def advance(self, checkpoint_due: bool = False) -> StepMetrics:
        """Take one step of the optimizer, and return its metrics. Raises StageFailure when the run diverges."""
        started, cpu_started = time.perf_counter(), time.process_time()
        progress, anomalies = self.progress, self.progress.anomalies
        while True:
            # Draw the rows of this step. Those of the next are prepared while a GPU is still at work on these.
            samples, parts = self.draw_samples(progress.step)
            upcoming = self.draw_samples(progress.step + 1) if progress.step + 1 < self.num_steps else None
            # Forward and backward over the micro-batches of all ranks, then clip: the norm is that before clipping.
            loss, tokens = self.gradients.accumulate(samples, parts, upcoming)
            norm = self.gradients.clip()
            # A batch with a spike or a loss that is not finite may be skipped: the step is repeated with the next rows.
            losses = [record["loss"] for record in self.metrics.records[-self.settings.divergence.spike_window :]]
            anomaly = self.settings.divergence.judge_step(anomalies, progress.step + 1, loss, norm, losses)
            if anomaly is None or not anomaly.leaves_out_batch:
                break
            self.leave_out_batch(anomaly)
        if anomaly is not None:
            self.notes.append(f"{anomaly.message}: a spike")

        lr_factor = self.settings.schedule.lr_factor(progress.step, self.num_steps)
        self.optimizers.step(lr_factor)
        # a queue, a momentum encoder: whatever an objective moves beside the optimizer
        self.objective.after_step(self.learner)
        progress.step += 1
        progress.tokens += tokens
        self.average.update(progress.step)
        if self.is_rollback_step:  # `max_retries` counts anew from each rollback step
            anomalies.tries = 0
        self.usage.seconds += time.perf_counter() - started
        self.usage.cpu_seconds += time.process_time() - cpu_started
        self.usage.tokens += tokens

        metrics: StepMetrics = {"step": progress.step, "tokens": progress.tokens, "loss": loss}
        metrics |= {"gradient_norm": norm, "learning_rate_factor": lr_factor, **anomalies.as_metrics()}
        if progress.step % self.settings.eval_interval == 0 or progress.step == self.num_steps:
            metrics |= self._validate()
        self.metrics.add(metrics)

        if checkpoint_due or self.must_checkpoint:
            self.save_checkpoint()
        return metrics

    def leave_out_batch(self, anomaly: LossAnomaly) -> None:
        """Undo the step that is not taken, or all steps since the last rollback step; the next rows are those after."""
        progress, anomalies = self.progress, self.progress.anomalies
        # nothing of the bad batch may stay: neither its gradients nor what its forward pass put into a queue
        self.optimizers.zero_grad()
        self.objective.after_skipped_step(self.learner)
        # Computed before the rollback, which changes the step: the first row behind the bad batch.
        next_sample = self.next_sample + self.batch_size_ramp.value_at(progress.step)
        if anomaly.action == "roll_back":
            self.checkpointer.roll_back()
            self.metrics.truncate(progress.step)
            anomalies.rolled_back += 1
        else:
            anomalies.skipped += 1
        # counted from the step that is tried next, so that its rows begin behind the bad batch, also after a resume
        anomalies.passed = next_sample - self.batch_size_ramp.sum_before(progress.step)
        self.notes.append(f"{anomaly.message}: goes on from step {progress.step} with the rows behind its batch")

    def save_checkpoint(self) -> None:
        """Begin to write a checkpoint of this step. All ranks must call it together."""
        # first, or a power cut might leave a checkpoint of steps that the metrics do not know
        self.metrics.sync()
        self.checkpointer.save()

    def _validate(self) -> StepMetrics:
        """Measure the validation loss (with the averaged weights when there are any), and remember the best one."""
        with self.average.use_average():
            loss = self.gradients.compute_validation_loss()
        if loss is None:
            return {}
        self.progress.record_validation(loss)
        return {"validation_loss": loss}


def train(
    run: Training, *, report: Callable[[Training, StepMetrics], None], stopped: Callable[[], bool], seconds: float
) -> bool:
    """Train to the end, and write a checkpoint at least every `seconds` seconds.

    `report` is called after each step. `stopped` is asked before each step; when it says True, the run writes a
    checkpoint and ends early. Return whether the training is complete.
    """
    saved_at = time.monotonic()
    while not run.is_done:
        # all ranks must do the same, whatever their signals and clocks say
        # One exchange a step for both questions.
        must_stop, is_due = run.ranks.sum(float(stopped()), float(time.monotonic() - saved_at >= seconds))
        if must_stop:
            break
        report(run, run.advance(checkpoint_due=bool(is_due)))
        # Also after a checkpoint that the step itself needed: the clock starts again from any of them.
        if run.progress.saved_step == run.progress.step:
            saved_at = time.monotonic()
    if run.progress.saved_step != run.progress.step:
        run.save_checkpoint()
    run.checkpoints.wait()
    run.metrics.close()
    return run.is_done
