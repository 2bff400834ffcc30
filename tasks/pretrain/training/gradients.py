"""Losses and gradients of a step, summed over its micro-batches and over the ranks."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tasks.model.hardware import Hardware
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.ranks import Ranks, delay_gradient_sync, parallelize_loss
from tasks.pretrain.distributed.sharding import compute_total_norm
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.objectives import Objective
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.batches import BatchLoader, TrainingBatch
from tasks.pretrain.training.training_data import TrainingData


class LossModule(nn.Module):
    """The loss as a module, as DistributedDataParallel and FSDP wrap modules only."""

    def __init__(self, objective: Objective, learner: Learner) -> None:
        super().__init__()
        self.objective, self.learner = objective, learner

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the summed loss and the number of its terms."""
        return self.objective.compute_loss(self.learner, batch)


class Gradients:
    """The gradients of a learner's trained parameters, and the losses that they come from."""

    def __init__(
        self, settings: Pretrain, data: TrainingData, learner: Learner, hardware: Hardware, ranks: Ranks
    ) -> None:
        self.settings, self.data, self.hardware, self.ranks = settings, data, hardware, ranks
        self.batches = BatchLoader(settings, data)
        self.objective, self.learner = settings.objective.chosen, learner
        self.num_predictions = 0.0
        """predictions of the last step, on all ranks"""
        self._scale = 1.0
        self.loss_module = parallelize_loss(LossModule(self.objective, learner), ranks, hardware.parallel)
        # only now: sharding replaces the parameters
        self.parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]

    def to_device(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the batch's tensors on the device, and seed torch for what is drawn while they are read."""
        torch.manual_seed(batch.seed)
        return {name: torch.from_numpy(array).to(self.hardware.device) for name, array in batch.arrays.items()}

    def accumulate(
        self, samples: Int64s, parts: int = 1, upcoming: tuple[Int64s, int] | None = None
    ) -> tuple[float, int]:
        """Add up the gradients of the summed loss of some rows, each cut into `parts`; `clip` makes them its mean's.

        `samples` are the indices of the rows of all ranks, `upcoming` those of the next step and their parts. Returns
        the mean loss over all ranks, and the number of tokens read.
        """
        num_micro_batches = self.settings.batch.grad_accumulation
        # On the device: reading a number on the CPU would wait for the GPU in each micro-batch.
        loss_sum = torch.zeros((), device=self.hardware.device)
        count, tokens = torch.zeros_like(loss_sum), 0
        for index, micro_samples in enumerate(np.split(samples, num_micro_batches), 1):
            batch = self.batches.load_training(self.ranks.select_own(micro_samples), parts)
            tensors = self.to_device(batch)
            with delay_gradient_sync(self.loss_module, is_last=index == num_micro_batches):
                # Around the forward pass only: `backward` uses the dtypes that it chose.
                with self.hardware.autocast():
                    micro_sum, micro_count = self.loss_module(tensors)
                micro_sum.backward()
            loss_sum += micro_sum.detach()
            count += micro_count
            tokens += batch.num_tokens
        # now, while a GPU is still at work: reading `loss_sum` below waits for it
        if upcoming is not None:
            self.batches.prepare(self.ranks.select_own(np.split(upcoming[0], num_micro_batches)[0]), upcoming[1])
        loss, num_predictions, num_tokens = self.ranks.sum(float(loss_sum), float(count), tokens)
        self.num_predictions = num_predictions
        # The sum of all micro-batches is divided by the count of all: a mean of their means would give rows with few
        # predictions more weight. Times the ranks, as data-parallel backward leaves the mean over them.
        self._scale = self.ranks.world_size / max(num_predictions, 1.0)
        return loss / max(num_predictions, 1.0), int(num_tokens)

    def clip(self) -> float:
        """Return the norm of the mean loss's gradient, after shortening the gradient to `optimizer.max_grad_norm`."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        # The gradients are still those of the sum; a norm scales along.
        norm = compute_total_norm(gradients) * self._scale
        max_norm = self.settings.optimizer.max_grad_norm
        # scaled and clipped in one pass, as each pass reads and writes all gradients
        torch._foreach_mul_(gradients, self._scale * (max_norm / norm if max_norm and norm > max_norm else 1.0))
        # The gradients are scaled now; a second call must not scale them again.
        self._scale = 1.0
        return norm

    def compute_validation_loss(self) -> float | None:
        """Return the mean loss over the validation rows, masked in the same way each time; None without any."""
        samples = np.arange(self.data.num_validation, dtype=np.int64)
        if not len(samples):
            return None
        micro_size = self.settings.batch.batch_size // self.settings.batch.grad_accumulation
        total, count = 0.0, 0.0
        self.learner.train(False)
        with torch.no_grad(), self.hardware.autocast():
            for start in range(0, len(samples), micro_size):
                # Every slice splits evenly: the number of rows and the micro-batch are multiples of the ranks.
                own_samples = self.ranks.select_own(samples[start : start + micro_size])
                micro_sum, micro_count = self.loss_module(self.to_device(self.batches.load_validation(own_samples)))
                total += float(micro_sum)
                count += float(micro_count)
        self.learner.train()
        total, count = self.ranks.sum(total, count)
        return total / max(count, 1.0)
