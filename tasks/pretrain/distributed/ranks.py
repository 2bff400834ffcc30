"""One run over several processes (ranks): each reads its part of every micro-batch, and all take the same step.

Started by `torchrun`. Every rank has the whole model, or with `sharding.py` its part of it. Either way a run resumes
from a checkpoint with any number of ranks.
"""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from tasks.errors import StageFailure
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.sharding import shard_module


@dataclass(frozen=True)
class Ranks:
    """This process among those of its run: one of one, unless torchrun says otherwise."""

    rank: int = 0
    world_size: int = 1
    device: str = "cpu"

    @property
    def is_leader(self) -> bool:
        """True for the rank that writes the files and reports for all."""
        return self.rank == 0

    def select_own(self, samples: Int64s) -> Int64s:
        """Return this rank's part: in order of the ranks the parts are the whole. `samples` must divide evenly."""
        return np.split(samples, self.world_size)[self.rank]

    def sum(self, *values: float) -> list[float]:
        """Return the sums over all ranks, in double precision."""
        if self.world_size == 1:
            return list(values)
        # float64: counts of tokens stay exact up to 2^53.
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        # Reading the result also waits for all ranks, which is why this serves as a barrier.
        dist.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def any(self, flag: bool) -> bool:
        """Return whether a flag is true on any rank, so that all do the same."""
        return bool(self.sum(float(flag))[0])

    def barrier(self) -> None:
        """Block until all ranks are here."""
        self.sum(0.0)

    def check_equal(self, what: str, value: int) -> None:
        """Raise StageFailure when the ranks differ in a number that must be the same for all."""
        total, square = self.sum(float(value), float(value) ** 2)
        # by Cauchy and Schwarz the two are equal only where all values are
        if self.world_size * square != total**2:
            raise StageFailure(
                f"rank {self.rank} finds {what} {value}, and others find another",
                "All machines of a run must see the same scratch folder",
            )


@contextlib.contextmanager
def join_ranks(device: str) -> Iterator[Ranks]:
    """Join the process group of torchrun; without torchrun this process is alone."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield Ranks(device=device)
        return
    # NCCL is for GPUs only, gloo works on CPUs. The address comes from the environment that torchrun sets.
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    yield Ranks(dist.get_rank(), world_size, device)
    dist.destroy_process_group()  # not after an error: it might wait for ranks that wait for us


def parallelize_loss(loss_module: nn.Module, ranks: Ranks, strategy: str = "replicate") -> nn.Module:
    """Wrap the loss so that `backward` leaves the mean of all ranks' gradients on each rank, or its shard of it."""
    if ranks.world_size == 1:
        return loss_module
    if strategy == "shard":
        return shard_module(loss_module)
    # what a queue or a momentum encoder holds is the same on all ranks already; torch 2.13 renamed the argument
    is_newer = "forward_sync_buffers" in inspect.signature(nn.parallel.DistributedDataParallel).parameters
    buffers: dict[str, Any] = {"forward_sync_buffers" if is_newer else "broadcast_buffers": False}
    return nn.parallel.DistributedDataParallel(
        loss_module,
        # Mixtures leave parameters unused. And without it the buckets are laid out again after the first step, so that
        # with more than two ranks a resumed run would add in another order.
        find_unused_parameters=True,
        **buffers,
    )


def delay_gradient_sync(loss_module: nn.Module, is_last: bool) -> contextlib.AbstractContextManager[None]:
    """Keep gradients on their rank for all micro-batches but the last, which then exchanges the sum of all."""
    # FSDP has a switch and no context: it must be set for each micro-batch, also back to True for the last.
    if isinstance(loss_module, FSDPModule):
        loss_module.set_requires_gradient_sync(is_last)
    # no_sync must be around the forward pass too: DDP decides there whether `backward` will exchange.
    if is_last or not isinstance(loss_module, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    return loss_module.no_sync()


def map_over_ranks(function: Callable[[Tensor], Tensor], stack: Tensor) -> Tensor:
    """Apply a function to a stack of tensors (N, …) that all ranks hold: each works on its share, all get the whole.

    The function must treat each tensor of the stack alone, and keep its shape.
    """
    if not dist.is_initialized():
        return function(stack)
    world_size = dist.get_world_size()
    share = -(-len(stack) // world_size)
    # all_gather needs equal shapes: zeros fill the last share, and are cut off at the end.
    padded = torch.cat([stack, stack.new_zeros(share * world_size - len(stack), *stack.shape[1:])])
    own_results = function(padded[share * dist.get_rank() :][:share]).contiguous()
    results = [torch.empty_like(own_results) for _ in range(world_size)]
    dist.all_gather(results, own_results)
    return torch.cat(results)[: len(stack)]
