"""One run over several processes (ranks): each reads its part of every micro-batch, and all take the same step.

Started by `torchrun`. Every rank has the whole model, or with `sharding.py` its part of it. Either way a checkpoint
goes on with any number of ranks.
"""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from tasks.errors import StageFailure
from tasks.pretrain.data.randomness import Int64s
from tasks.pretrain.distributed.sharding import sharded

if TYPE_CHECKING:
    from tasks.pretrain.learners.learner import Learner
    from tasks.pretrain.objectives import Objective


@dataclass(frozen=True)
class Ranks:
    """This process among those of its run: one of one, unless torchrun says otherwise."""

    number: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this rank writes the files and speaks for all."""
        return self.number == 0

    def share(self, slots: Int64s) -> Int64s:
        """This rank's part: in order of the ranks the parts are the whole. `slots` must divide evenly."""
        return np.split(slots, self.count)[self.number]

    def summed(self, *numbers: float) -> list[float]:
        """The sums over all ranks, in double precision."""
        if self.count == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return [float(number) for number in total.tolist()]

    def any(self, flag: bool) -> bool:
        """Whether it is true on any rank, so that all do the same."""
        return bool(self.summed(float(flag))[0])

    def wait(self) -> None:
        """Until all ranks are here."""
        self.summed(0.0)

    def checked(self, what: str, number: int) -> None:
        """Raise StageFailure when the ranks differ in a number that must be the same for all."""
        total, square = self.summed(float(number), float(number) ** 2)
        if self.count * square != total**2:
            raise StageFailure(
                f"rank {self.number} finds {what} {number}, and others find another",
                "All machines of a run must see the same scratch folder",
            )


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The ranks that torchrun started, or this process alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(device=device)
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    yield Ranks(dist.get_rank(), count, device)
    dist.destroy_process_group()  # not after an error: it might wait for ranks that wait for us


class Scored(nn.Module):
    """The loss as a module: what DistributedDataParallel wants to wrap."""

    def __init__(self, objective: "Objective", learner: "Learner") -> None:
        super().__init__()
        self.objective, self.learner = objective, learner

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return self.objective.compute_loss(self.learner, batch)


def parallel(scored: Scored, ranks: Ranks, how: str = "replicate") -> nn.Module:
    """The loss of which `backward` leaves the mean of all ranks' gradients on each of them, or each its part of it."""
    if ranks.count == 1:
        return scored
    if how == "shard":
        return sharded(scored)
    # what a queue or a momentum encoder holds is the same on all ranks already; torch 2.13 renamed the argument
    newer = "forward_sync_buffers" in inspect.signature(nn.parallel.DistributedDataParallel).parameters
    buffers: dict[str, Any] = {"forward_sync_buffers" if newer else "broadcast_buffers": False}
    return nn.parallel.DistributedDataParallel(
        scored,
        # mixtures leave parts unused; and without it the buckets are laid out anew after the first step, so that with
        # more than two ranks a resumed run would add in another order
        find_unused_parameters=True,
        **buffers,
    )


def apart(scored: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Around all micro-batches but the last: their gradients stay on the rank until the last one's are exchanged."""
    if isinstance(scored, FSDPModule):
        scored.set_requires_gradient_sync(last)
    if last or not isinstance(scored, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    return scored.no_sync()


def spread(work: Callable[[Tensor], Tensor], stack: Tensor) -> Tensor:
    """`work` done to each of a stack of tensors that all ranks hold: each rank does its share, and all have the whole.

    `work` must treat each tensor alone and keep its shape.
    """
    if not dist.is_initialized():
        return work(stack)
    count, share = dist.get_world_size(), -(-len(stack) // dist.get_world_size())
    padded = torch.cat([stack, stack.new_zeros(share * count - len(stack), *stack.shape[1:])])
    mine = work(padded[share * dist.get_rank() :][:share]).contiguous()
    parts = [torch.empty_like(mine) for _ in range(count)]
    dist.all_gather(parts, mine)
    return torch.cat(parts)[: len(stack)]
