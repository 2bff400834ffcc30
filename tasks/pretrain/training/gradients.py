"""What rows say about the weights: losses and gradients, summed over the micro-batches and ranks of a step."""

import numpy as np
import torch
from torch import Tensor

from tasks.model.hardware import Hardware
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.ranks import Ranks, Scored, apart, parallel
from tasks.pretrain.distributed.sharding import total_norm
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.batches import Batch, Batches
from tasks.pretrain.training.training_data import Corpus


class Gradients:
    """The gradients of a learner's trained parameters, and the losses that they come from."""

    def __init__(self, settings: Pretrain, corpus: Corpus, learner: Learner, hardware: Hardware, ranks: Ranks) -> None:
        self.settings, self.corpus, self.hardware, self.ranks = settings, corpus, hardware, ranks
        self.batches = Batches(settings, corpus)
        self.objective, self.learner = settings.objective.chosen, learner
        self.guessed = 0.0
        """predictions of the last step, on all ranks"""
        self._share = 1.0
        self.scored = parallel(Scored(self.objective, learner), ranks, hardware.parallel)
        # sharding replaces them
        self.parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]

    def batch(self, made: Batch) -> dict[str, Tensor]:
        """A batch on the device."""
        torch.manual_seed(made.seed)
        return {name: torch.from_numpy(array).to(self.hardware.device) for name, array in made.arrays.items()}

    def accumulate(self, slots: Int64s, cut: int = 1, ahead: tuple[Int64s, int] | None = None) -> tuple[float, int]:
        """Gradients of the loss over the rows of all slots, each cut into so many; `clip` makes them those of its mean.

        Returns the mean loss, and the number of tokens read. `ahead` are the slots and the cut of the next step.
        """
        accumulation = self.settings.batch.accumulation
        total = torch.zeros((), device=self.hardware.device)
        count, tokens = torch.zeros_like(total), 0
        for turn, micro in enumerate(np.split(slots, accumulation), 1):
            made = self.batches.training(self.ranks.share(micro), cut)
            given = self.batch(made)
            with apart(self.scored, last=turn == accumulation):
                with self.hardware.autocast():
                    part_sum, part_count = self.scored(given)
                part_sum.backward()
            total += part_sum.detach()
            count += part_count
            tokens += made.tokens
        if ahead is not None:  # a GPU is still at work, and would wait for them later
            self.batches.prepare(self.ranks.share(np.split(ahead[0], accumulation)[0]), ahead[1])
        loss, counted, read = self.ranks.summed(float(total), float(count), tokens)
        self.guessed = counted
        # the sums of all micro-batches are divided by the count of all, or rows with few predictions would weigh more
        self._share = self.ranks.count / max(counted, 1.0)
        return loss / max(counted, 1.0), int(read)

    def clip(self) -> float:
        """The norm of all gradients of the mean loss, which are then shortened to the settings' most."""
        gradients = self._present()
        norm = total_norm(gradients) * self._share
        clip = self.settings.optimizer.clip
        # in one go, as each goes through the memory of all gradients
        torch._foreach_mul_(gradients, self._share * (clip / norm if clip and norm > clip else 1.0))
        self._share = 1.0
        return norm

    def _present(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def validation_loss(self) -> float | None:
        """Mean loss over the same validation rows, hidden in the same way, each time; None when there are none."""
        slots = np.arange(self.corpus.num_validation, dtype=np.int64)
        if not len(slots):
            return None
        micro = self.settings.batch.rows // self.settings.batch.accumulation
        total, count = 0.0, 0.0
        self.learner.train(False)
        with torch.no_grad(), self.hardware.autocast():
            for begin in range(0, len(slots), micro):
                mine = self.ranks.share(slots[begin : begin + micro])
                given = self.batch(self.batches.validation(mine))
                part_sum, part_count = self.scored(given)
                total += float(part_sum)
                count += float(part_count)
        self.learner.train()
        total, count = self.ranks.summed(total, count)
        return total / max(count, 1.0)
