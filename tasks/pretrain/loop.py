"""One training loop for every objective.

Everything a step does is a function of the settings, the tokens and the step's number. So a run that was killed goes
on from any checkpoint to the same bits, and it does not matter when checkpoints were written.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tasks.failure import StageFailure
from tasks.model.checkpoint import Checkpoints
from tasks.model.hardware import Hardware
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.metrics import Metrics
from tasks.pretrain.optimizer import Optimizers
from tasks.pretrain.randomness import Randomness
from tasks.pretrain.rows import PackedRows
from tasks.pretrain.settings import Pretrain

Line = dict[str, Any]


@dataclass
class Spent:
    """What this process used for training steps: not for validation, and not before it resumed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tokens: int = 0


class Training:
    """A run: its data, its model, and what changes from step to step.

    `tokens` are the folders of one corpus, a folder a snapshot; all have the vocabulary of the first.
    """

    def __init__(self, settings: Pretrain, tokens: Sequence[Path], scratch: Path, hardware: Hardware) -> None:
        self.settings, self.hardware = settings, hardware
        self.objective = settings.objective.chosen
        self.vocabulary = read_vocabulary(tokens[0] / "tokenizer")
        start = self.vocabulary.start if settings.batch.start_token else None
        self.rows = PackedRows([each / "train" for each in tokens], self.vocabulary, settings.length, start)
        validation = [each / "validation" for each in tokens]
        self.validation_rows = PackedRows(validation, self.vocabulary, settings.length, start)
        self._check()
        module = settings.architecture.build(self.vocabulary, settings.seed)
        nn.Module.to(module, hardware.device)
        self.model = PackedModel(module.train(), causal=settings.architecture.causal)
        self.parameters = list(module.parameters())
        self.optimizers = Optimizers(settings.optimizer, module, self.model.head)
        self.checkpoints = Checkpoints(scratch / "checkpoints")
        self.step, self.tokens = 0, 0
        self.best: float | None = None
        self.best_step, self.worse = 0, 0
        self.spent = Spent()
        self._resume()
        self.resumed_at = self.step
        self.metrics = Metrics(scratch, self.step)

    def _check(self) -> None:
        if len(self.rows) < self.settings.batch.rows:
            raise StageFailure(
                f"{self.rows.num_tokens:,} training tokens fill {len(self.rows)} rows of {self.settings.length}, and "
                f"one batch needs {self.settings.batch.rows}",
                "Gather more text, or lower pretrain.batch.rows or pretrain.batch.length",
            )
        if self.settings.patience and not len(self.validation_rows):
            raise StageFailure(
                "pretrain.patience needs a validation loss, and the tokens hold no validation documents",
                "Raise the validation share of the tokenize stage, or set pretrain.patience to 0",
            )
        if self.settings.objective.kind == "masked" and self.vocabulary.mask is None:
            raise StageFailure("the tokenizer has no mask token", "Add <mask> to its special tokens")

    @property
    def done(self) -> bool:
        """Whether the budget is used up or the validation loss got no better for too long."""
        patience = self.settings.patience
        return self.step >= self.settings.num_steps or bool(patience and self.worse >= patience)

    def batch(self, rows: PackedRows, slots: "np.ndarray[Any, np.dtype[np.int64]]", seed: int) -> dict[str, Tensor]:
        """The objective's batch for some slots, on the device."""
        arrays = self.objective.make(rows.at(slots, seed), Randomness(seed, slots))
        return {name: torch.from_numpy(array).to(self.hardware.device) for name, array in arrays.items()}

    def advance(self) -> Line:
        """One step of the optimizer. Returns its line of metrics; raises StageFailure when the loss is not finite."""
        began, cpu_began = time.perf_counter(), time.process_time()
        loss, tokens = self._accumulate()
        norm = self._clip()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise StageFailure(
                f"the loss of step {self.step + 1} is {loss}, its gradient's norm {norm}",
                "Lower pretrain.optimizer.learning_rate or matrix_learning_rate, or lengthen pretrain.schedule.warmup",
            )
        factor = self.settings.schedule.factor(self.step, self.settings.num_steps)
        self.optimizers.step(factor)
        self.step += 1
        self.tokens += tokens
        self.spent.seconds += time.perf_counter() - began
        self.spent.cpu_seconds += time.process_time() - cpu_began
        self.spent.tokens += tokens
        line: Line = {"step": self.step, "tokens": self.tokens, "loss": loss}
        line |= {"gradient_norm": norm, "learning_rate_factor": factor}
        if self.step % self.settings.validate_every == 0 or self.step == self.settings.num_steps:
            line |= self._judged(self.validate())
        self.metrics.add(line)
        return line

    def _accumulate(self) -> tuple[float, int]:
        """Gradients of the mean loss over the whole step; the mean loss, and the number of tokens read."""
        batch = self.settings.batch
        slots = np.arange(self.step * batch.rows, (self.step + 1) * batch.rows, dtype=np.int64)
        total = torch.zeros((), device=self.hardware.device)
        count, tokens = torch.zeros_like(total), 0
        for part in np.split(slots, batch.accumulation):
            given = self.batch(self.rows, part, self.settings.seed)
            with self.hardware.autocast():
                part_sum, part_count = self.objective.loss(self.model, given)
            part_sum.backward()  # type: ignore[no-untyped-call]
            total += part_sum.detach()
            count += part_count
            tokens += int((given["documents"] >= 0).sum())
        # the sums of all micro-batches are divided by the count of all, or rows with few predictions would weigh more
        share = 1 / max(float(count), 1.0)
        torch._foreach_mul_([p.grad for p in self.parameters if p.grad is not None], share)
        return float(total) * share, tokens

    def _clip(self) -> float:
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        clip = self.settings.optimizer.clip
        if clip and norm > clip:
            torch._foreach_mul_(gradients, clip / norm)
        return norm

    def validate(self) -> float | None:
        """Mean loss over the same validation rows, hidden in the same way, each time; None when there are none."""
        rows, most = self.validation_rows, self.settings.validation_rows
        if not len(rows):
            return None
        slots = np.arange(min(len(rows), most), dtype=np.int64)
        micro = self.settings.batch.rows // self.settings.batch.accumulation
        total, count = 0.0, 0.0
        self.model.module.train(False)
        with torch.no_grad(), self.hardware.autocast():
            for begin in range(0, len(slots), micro):
                given = self.batch(rows, slots[begin : begin + micro], seed=0)
                part_sum, part_count = self.objective.loss(self.model, given)
                total += float(part_sum)
                count += float(part_count)
        self.model.module.train()
        return total / max(count, 1.0)

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
    def keeps_best(self) -> bool:
        """Whether this very step must have a checkpoint, because its weights may be the ones that are exported."""
        return bool(self.settings.patience) and self.best_step == self.step

    def save(self) -> Path:
        """Write a checkpoint of this step."""
        self.metrics.sync()
        tensors: dict[str, Tensor] = {f"model.{n}": p for n, p in self.model.module.named_parameters()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizers.state().items()}
        state = {"settings": self.settings.semantic(), "tokens": self.tokens, "best": self.best}
        state |= {"best_step": self.best_step, "worse": self.worse, "hardware": self.hardware.as_counts()}
        return self.checkpoints.save(self.step, tensors, state, best=self.best_step if self.settings.patience else None)

    def _resume(self) -> None:
        found = self.checkpoints.latest()
        if found is None:
            return
        tensors, state = found
        if state["settings"] != self.settings.semantic():
            raise StageFailure(
                f"{self.checkpoints.folder} holds checkpoints of other settings", "Use another folder, or empty it"
            )
        self._take_weights(tensors)
        self.optimizers.load(
            {name.removeprefix("optimizer."): t for name, t in tensors.items() if name.startswith("optimizer.")}
        )
        self.step, self.tokens, self.best = state["step"], state["tokens"], state["best"]
        self.best_step, self.worse = state["best_step"], state["worse"]

    def _take_weights(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.model.module.named_parameters():
                parameter.copy_(tensors[f"model.{name}"])

    def take_best(self) -> None:
        """With patience, go back to the weights of the best validation loss."""
        if self.settings.patience and self.best_step not in (0, self.step):
            found = self.checkpoints.load(self.best_step)
            if found is None:
                raise StageFailure(f"the best checkpoint, step {self.best_step}, is broken", "Start the stage again")
            self._take_weights(found[0])


def train(
    run: Training, *, report: Callable[[Training, Line], None], stopped: Callable[[], bool], seconds: float
) -> bool:
    """Train to the end, with a checkpoint at least every so many seconds. False when it was stopped before."""
    saved, saved_at = run.step, time.monotonic()
    while not run.done and not stopped():
        report(run, run.advance())
        if run.keeps_best or run.done or time.monotonic() - saved_at >= seconds:
            run.save()
            saved, saved_at = run.step, time.monotonic()
    if saved != run.step:
        run.save()
    return run.done
