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
from tasks.pretrain.schedules.divergence import AnomalyState
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.anomalies import must_retry_step
from tasks.pretrain.training.checkpointing import resume_from_latest, save_checkpoint
from tasks.pretrain.training.gradients import Gradients
from tasks.pretrain.training.training_data import TrainingData


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
    """A run: its data, its model, and what changes from step to step."""

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

        self.step, self.tokens = 0, 0
        self.best_loss: float | None = None
        self.best_step = 0
        self.validations_since_best = 0
        self.anomalies = AnomalyState()
        self.notes = [f"{start.folder} has no {describe_new_head(self.new_head)}"] if self.new_head else []
        self.usage = Usage()

        self.checkpoints = Checkpoints(scratch / "checkpoints")
        # After everything that has a state exists: its tensors are overwritten in place.
        resume_from_latest(self)
        self.resumed_at = self.saved_step = self.step
        ranks.check_equal("a checkpoint of step", self.step)
        self.metrics = MetricsLog(scratch, self.step)
        # the leader rewrites the metrics only when all ranks have read them
        ranks.barrier()
        if ranks.is_leader:
            self.metrics.start_writing()
        if settings.divergence.uses_rollback and not self.step:
            # The checkpoint of step 0, or a rollback before the first interval would have nowhere to go.
            save_checkpoint(self)

    @property
    def is_done(self) -> bool:
        """True when the budget is used up, or the validation loss got no better for too long."""
        patience = self.settings.patience
        return self.step >= self.num_steps or bool(patience and self.validations_since_best >= patience)

    @property
    def next_sample(self) -> int:
        """Number of the first row of the next step, in the endless sequence of training rows."""
        return self.batch_size_ramp.sum_before(self.step) + self.anomalies.passed

    @property
    def num_predictions(self) -> float:
        """Number of tokens that the last step predicted, on all ranks; 0 for a learner without the vocabulary head."""
        return self.gradients.num_predictions if self.learner.module is self.model.module else 0.0

    @property
    def rollback_step(self) -> int:
        """The step whose checkpoint a rollback returns to."""
        return self.step - self.step % self.settings.divergence.rollback_interval

    @property
    def must_checkpoint(self) -> bool:
        """True when this very step needs a checkpoint: its weights may be exported, or be rolled back to."""
        is_best = bool(self.settings.patience) and self.best_step == self.step
        is_rollback_step = self.settings.divergence.uses_rollback and self.rollback_step == self.step
        return self.is_done or is_best or is_rollback_step

    def draw_samples(self, step: int) -> tuple[Int64s, int]:
        """Return the numbers of the rows that a step reads, and how many sequences each row is cut into.

        A row is cut while `seq_length_ramp` asks for shorter sequences.
        """
        first = self.batch_size_ramp.sum_before(step) + self.anomalies.passed
        samples = np.arange(first, first + self.batch_size_ramp.value_at(step), dtype=np.int64)
        return samples, self.settings.seq_length // self.seq_length_ramp.value_at(step)

    def advance(self, checkpoint_due: bool = False) -> StepMetrics:
        """Take one step of the optimizer, and return its metrics. Raises StageFailure when the run diverges."""
        started, cpu_started = time.perf_counter(), time.process_time()
        while True:
            # Draw the rows of this step. Those of the next are prepared while a GPU is still at work on these.
            samples, parts = self.draw_samples(self.step)
            upcoming = self.draw_samples(self.step + 1) if self.step + 1 < self.num_steps else None
            # Forward and backward over the micro-batches of all ranks, then clip: the norm is that before clipping.
            loss, tokens = self.gradients.accumulate(samples, parts, upcoming)
            norm = self.gradients.clip()
            # A batch with a spike or a loss that is not finite may be skipped: the step is repeated with the next rows.
            if not must_retry_step(self, loss, norm):
                break

        lr_factor = self.settings.schedule.lr_factor(self.step, self.num_steps)
        self.optimizers.step(lr_factor)
        # a queue, a momentum encoder: whatever an objective moves beside the optimizer
        self.objective.after_step(self.learner)
        self.step += 1
        self.tokens += tokens
        self.average.update(self.step)
        if self.step == self.rollback_step:  # `max_retries` counts anew from each rollback step
            self.anomalies.tries = 0
        self.usage.seconds += time.perf_counter() - started
        self.usage.cpu_seconds += time.process_time() - cpu_started
        self.usage.tokens += tokens

        metrics: StepMetrics = {"step": self.step, "tokens": self.tokens, "loss": loss}
        metrics |= {"gradient_norm": norm, "learning_rate_factor": lr_factor, **self.anomalies.as_metrics()}
        if self.step % self.settings.eval_interval == 0 or self.step == self.num_steps:
            metrics |= self._validate()
        self.metrics.add(metrics)

        if checkpoint_due or self.must_checkpoint:
            save_checkpoint(self)
        return metrics

    def _validate(self) -> StepMetrics:
        """Measure the validation loss (with the averaged weights when there are any), and remember the best one."""
        with self.average.use_average():
            loss = self.gradients.compute_validation_loss()
        if loss is None:
            return {}
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_step, self.validations_since_best = loss, self.step, 0
        else:
            self.validations_since_best += 1
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
        if run.saved_step == run.step:
            saved_at = time.monotonic()
    if run.saved_step != run.step:
        save_checkpoint(run)
    run.checkpoints.wait()
    run.metrics.close()
    return run.is_done
