"""One training loop for every objective.

Everything a step does is a function of the settings, the tokens and the step's number. So a run that was killed goes
on from any checkpoint to the same bits, and it does not matter when checkpoints were written.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasks.errors import StageFailure
from tasks.model.checkpoint import Checkpoints
from tasks.model.hardware import Hardware
from tasks.model.layer_decay import compute_rate_factors
from tasks.model.packed import PackedModel
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.distributed.sharding import gathered, own_part
from tasks.pretrain.monitoring.metrics import Metrics
from tasks.pretrain.optim.muon_adamw import Optimizers
from tasks.pretrain.optim.weight_average import Average
from tasks.pretrain.schedules.divergence import Trouble, Troubles
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.gradients import Gradients
from tasks.pretrain.training.training_data import Corpus

Line = dict[str, Any]
Saved = tuple[dict[str, Tensor], dict[str, Any]]


@dataclass
class Spent:
    """What this process used for training steps: not for validation, and not before it resumed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tokens: int = 0


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
        self.corpus = Corpus(settings, tokens, ranks.count)
        self.vocabulary = self.corpus.vocabulary
        self.rows_ramp, self.length_ramp = settings.rows_ramp, settings.length_ramp
        self.num_steps = settings.num_steps
        start = settings.start_from
        module = start.build(settings.architecture, tokens[0] / "tokenizer", self.vocabulary, settings.seed)
        hardware.enable_recomputation(module)
        self.model = PackedModel(module, settings.architecture.model_kind)
        self.model.configure_for(hardware)
        self.learner = self.objective.build_learner(self.model, self.vocabulary, settings.seed)
        self.learner.to(hardware.device).train()
        self.gradients = Gradients(settings, self.corpus, self.learner, hardware, ranks)
        self.optimizers = Optimizers(settings.optimizer, self.learner, compute_rate_factors(module, start.layer_decay))
        self.average = Average(self.learner, settings.average)
        self.checkpoints = Checkpoints(scratch / "checkpoints")
        self.step, self.tokens = 0, 0
        self.best: float | None = None
        self.best_step, self.worse = 0, 0
        self.troubles = Troubles()
        self.notes: list[str] = []
        self.spent = Spent()
        self._resume()
        self.resumed_at = self.step
        ranks.checked("a checkpoint of step", self.step)
        self.metrics = Metrics(scratch, self.step)
        ranks.wait()  # all have read the lines of before
        if ranks.leads:
            self.metrics.begin()
        if settings.divergence.rolls_back and not self.step:
            self.save()

    @property
    def done(self) -> bool:
        """Whether the budget is used up or the validation loss got no better for too long."""
        patience = self.settings.patience
        return self.step >= self.num_steps or bool(patience and self.worse >= patience)

    @property
    def first_slot(self) -> int:
        """Where this step's rows begin in the endless sequence of training rows."""
        return self.rows_ramp.rows_before(self.step) + self.troubles.passed

    @property
    def num_guesses(self) -> float:
        """At how many places of the last step the vocabulary projection was needed, on all ranks."""
        return self.gradients.guessed if self.learner.module is self.model.module else 0.0

    def advance(self) -> Line:
        """One step of the optimizer. Returns its line of metrics; raises StageFailure when the run diverges."""
        began, cpu_began = time.perf_counter(), time.process_time()
        loss, norm, tokens = self._attempt()
        while (trouble := self._trouble(loss, norm)) is not None and self._answered(trouble, loss, norm):
            loss, norm, tokens = self._attempt()
        factor = self.settings.schedule.factor(self.step, self.num_steps)
        self.optimizers.step(factor)
        self.objective.after_step(self.learner)
        self.step += 1
        self.average.step(self.step)
        if self.step == self.anchor:
            self.troubles.tries = 0
        self.tokens += tokens
        self.spent.seconds += time.perf_counter() - began
        self.spent.cpu_seconds += time.process_time() - cpu_began
        self.spent.tokens += tokens
        line: Line = {"step": self.step, "tokens": self.tokens, "loss": loss}
        line |= {"gradient_norm": norm, "learning_rate_factor": factor, **self.troubles.as_line()}
        if self.step % self.settings.validate_every == 0 or self.step == self.num_steps:
            with self.average.inside():
                line |= self._judged(self.gradients.validation_loss())
        self.metrics.add(line)
        return line

    def _attempt(self) -> tuple[float, float, int]:
        """Gradients for this step: its mean loss, their norm before clipping, and the number of tokens read."""
        ahead = self.rows_of(self.step + 1) if self.step + 1 < self.num_steps else None
        loss, tokens = self.gradients.accumulate(*self.rows_of(self.step), ahead)
        return loss, self.gradients.clip(), tokens

    def rows_of(self, step: int) -> tuple[Int64s, int]:
        """The slots of a step, and into how many each of their rows is cut."""
        first = self.rows_ramp.rows_before(step) + self.troubles.passed
        slots = np.arange(first, first + self.rows_ramp.at(step), dtype=np.int64)
        return slots, self.settings.length // self.length_ramp.at(step)

    def _trouble(self, loss: float, norm: float) -> Trouble | None:
        settings = self.settings.divergence
        return settings.trouble(loss, norm, [line["loss"] for line in self.metrics.lines[-settings.window :]])

    def _answered(self, trouble: Trouble, loss: float, norm: float) -> bool:
        """Do what the settings say about a step that went wrong. Whether the step is to be tried anew."""
        settings, troubles = self.settings.divergence, self.troubles
        answer = settings.answer(trouble)
        troubles.count(trouble)
        what = f"the loss of step {self.step + 1} is {loss:.6g}, its gradient's norm {norm:.6g}"
        if answer == "count":
            self.notes.append(f"{what}: a spike")
            return False
        troubles.tries += 1
        if answer == "stop" or troubles.tries > settings.most:
            tried = f", after {settings.most} answers to the like" if troubles.tries > settings.most else ""
            raise StageFailure(
                what + tried,
                "Lower pretrain.optimizer.learning_rate or matrix_learning_rate, or lengthen pretrain.schedule.warmup",
            )
        self.optimizers.forget()
        self.objective.after_skipped_step(self.learner)
        after = self.first_slot + self.rows_ramp.at(self.step)
        if answer == "roll_back":
            self._roll_back()
            troubles.rolled_back += 1
        else:
            troubles.skipped += 1
        troubles.passed = after - self.rows_ramp.rows_before(self.step)
        self.notes.append(f"{what}: goes on behind its batch from step {self.step}")
        return True

    def _roll_back(self) -> None:
        """Go back to the last anchor, with everything but what is known of troubles.

        Later checkpoints go: a run that is killed now meets the same trouble again, and answers it from the same step.
        """
        anchor = self.anchor
        self.checkpoints.wait()
        self.ranks.wait()
        found = self.checkpoints.load(anchor)
        if found is None:
            raise StageFailure(f"the checkpoint to go back to, step {anchor}, is broken", "Start the stage again")
        self.ranks.wait()
        if self.ranks.leads:
            self.checkpoints.drop_after(anchor)
        self._take(found)
        self.metrics.drop_after(anchor)

    def _judged(self, loss: float | None) -> Line:
        if loss is None:
            return {}
        better = self.best is None or loss < self.best
        if better:
            self.best, self.best_step, self.worse = loss, self.step, 0
        else:
            self.worse += 1
        return {"validation_loss": loss}

    @property
    def must_save(self) -> bool:
        """Whether this very step must have a checkpoint: its weights may be exported, or gone back to."""
        best = bool(self.settings.patience) and self.best_step == self.step
        return self.done or best or (self.settings.divergence.rolls_back and self.anchor == self.step)

    @property
    def anchor(self) -> int:
        """The step that a roll-back goes to."""
        return self.step - self.step % self.settings.divergence.anchor

    def save(self) -> None:
        """Begin to write a checkpoint of this step; `checkpoints.wait` waits for it. All ranks come here together."""
        tensors = {f"learner.{name}": tensor for name, tensor in self.learner.state_tensors().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizers.state().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state().items()}
        tensors = gathered(tensors, self.ranks.leads)
        if not self.ranks.leads:
            return
        self.metrics.sync()
        state = {"settings": self.settings.semantic(), "tokens": self.tokens, "best": self.best}
        state |= {"best_step": self.best_step, "worse": self.worse, "hardware": self.hardware.as_dict()}
        state |= {"troubles": asdict(self.troubles)}
        kept = {self.best_step} if self.settings.patience else set()
        kept |= {self.anchor} if self.settings.divergence.rolls_back else set()
        self.checkpoints.start_save(self.step, tensors, state, kept)

    def _resume(self) -> None:
        found = self.checkpoints.load_latest()
        if found is None:
            return
        if found[1]["settings"] != self.settings.semantic():
            raise StageFailure(
                f"{self.checkpoints.folder} holds checkpoints of other settings", "Use another folder, or empty it"
            )
        self._take(found)
        self.troubles = Troubles(**found[1]["troubles"])

    def _take(self, found: Saved) -> None:
        tensors, state = found
        self._take_weights(tensors)
        self.optimizers.load(_under("optimizer.", tensors))
        self.step, self.tokens, self.best = state["step"], state["tokens"], state["best"]
        self.best_step, self.worse = state["best_step"], state["worse"]

    def _take_weights(self, tensors: dict[str, Tensor]) -> None:
        saved, own = _under("learner.", tensors), self.learner.state_tensors()
        if {name: t.shape for name, t in saved.items()} != {name: t.shape for name, t in own.items()}:
            raise StageFailure(
                f"{self.checkpoints.folder} holds checkpoints of a model of another shape", "Empty it, or use another"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(own_part(saved[name], tensor))
            self.average.load(_under("average.", tensors))

    def take_final(self) -> None:
        """Take the weights that are exported: with patience the best ones, and their average if there is one."""
        if self.settings.patience and self.best_step not in (0, self.step):
            found = self.checkpoints.load(self.best_step)
            if found is None:
                raise StageFailure(f"the best checkpoint, step {self.best_step}, is broken", "Start the stage again")
            self._take_weights(found[0])
        self.average.exchange()


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def train(
    run: Training, *, report: Callable[[Training, Line], None], stopped: Callable[[], bool], seconds: float
) -> bool:
    """Train to the end, with a checkpoint at least every so many seconds. False when it was stopped before."""
    saved, saved_at = run.step, time.monotonic()
    while not run.done:
        # all ranks do the same, whatever their clocks say
        stop, due = run.ranks.summed(float(stopped()), float(time.monotonic() - saved_at >= seconds))
        if stop:
            break
        report(run, run.advance())
        if run.must_save or due:
            run.save()
            saved, saved_at = run.step, time.monotonic()
    if saved != run.step:
        run.save()
    run.checkpoints.wait()
    return run.done
