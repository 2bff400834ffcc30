"""What rows say about the weights: losses and gradients, summed over the micro-batches and ranks of a step."""

import numpy as np
import torch
from torch import Tensor

from tasks.model.hardware import Hardware
from tasks.pretrain.corpus import Corpus
from tasks.pretrain.learner import Learner
from tasks.pretrain.randomness import Int64s, Randomness, key_of
from tasks.pretrain.ranks import Ranks, Scored, apart, parallel
from tasks.pretrain.rows import Rows
from tasks.pretrain.settings import Pretrain


class Gradients:
    """The gradients of a learner's trained parameters, and the losses that they come from."""

    def __init__(self, settings: Pretrain, corpus: Corpus, learner: Learner, hardware: Hardware, ranks: Ranks) -> None:
        self.settings, self.corpus, self.hardware, self.ranks = settings, corpus, hardware, ranks
        self.objective, self.learner = settings.objective.chosen, learner
        self.parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
        self.scored = parallel(Scored(self.objective, learner), ranks)

    def batch(self, rows: Rows, slots: Int64s, seed: int) -> dict[str, Tensor]:
        """The objective's batch for the rows of some slots, on the device."""
        # dropout draws from torch's own randomness: from here on that is a function of the rows
        torch.manual_seed(int(key_of(seed, "torch", int(slots[0]))))
        arrays = self.objective.make(rows, Randomness(seed, slots))
        return {name: torch.from_numpy(array).to(self.hardware.device) for name, array in arrays.items()}

    def accumulate(self, slots: Int64s, cut: int = 1) -> tuple[float, int]:
        """Gradients of the mean loss over the rows of all slots, each cut into so many.

        Returns the mean loss, and the number of tokens read.
        """
        accumulation = self.settings.batch.accumulation
        total = torch.zeros((), device=self.hardware.device)
        count, tokens = torch.zeros_like(total), 0
        for turn, micro in enumerate(np.split(slots, accumulation), 1):
            mine = self.ranks.share(micro)
            rows = self.corpus.at(mine, cut)
            given = self.batch(rows, _cut_slots(mine, cut), self.settings.seed)
            with apart(self.scored, last=turn == accumulation):
                with self.hardware.autocast():
                    part_sum, part_count = self.scored(given)
                part_sum.backward()
            total += part_sum.detach()
            count += part_count
            tokens += int((rows.documents >= 0).sum())
        loss, counted, read = self.ranks.summed(float(total), float(count), tokens)
        # the sums of all micro-batches are divided by the count of all, or rows with few predictions would weigh more
        share = 1 / max(counted, 1.0)
        torch._foreach_mul_(self._present(), share * self.ranks.count)
        return loss * share, int(read)

    def clip(self) -> float:
        """The norm of all gradients, which are then shortened to the settings' most."""
        gradients = self._present()
        norm = float(torch.nn.utils.get_total_norm(gradients))
        clip = self.settings.optimizer.clip
        if clip and norm > clip:
            torch._foreach_mul_(gradients, clip / norm)
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
                given = self.batch(self.corpus.validation.at(mine, seed=0), mine, seed=0)
                part_sum, part_count = self.objective.loss(self.learner, given)
                total += float(part_sum)
                count += float(part_count)
        self.learner.train()
        total, count = self.ranks.summed(total, count)
        return total / max(count, 1.0)


def _cut_slots(slots: Int64s, parts: int) -> Int64s:
    """The slots of rows that were cut into so many, so that each has randomness of its own."""
    return slots if parts == 1 else (slots[:, None] * parts + np.arange(parts)).ravel()
