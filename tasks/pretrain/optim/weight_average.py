"""A moving average of the weights: Polyak and Juditsky 1992, SIAM J. Control Optim. 30(4)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tasks.pretrain.distributed.sharding import take_own_shard


class WeightAverage:
    """The mean over about the last 1 / (1 - decay) steps of each trained parameter; none with a decay of 0."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad and decay}
        self.decay, self.names = decay, list(trained)
        self.parameters = list(trained.values())
        self.averages = [parameter.detach().clone() for parameter in self.parameters]

    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        if self.averages:
            # until 1 / (1 - decay) steps are taken, the plain mean of all: the random start would weigh too long
            decay = min(self.decay, 1 - 1 / step)
            torch._foreach_lerp_(self.averages, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the model's weights and their averages."""
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            # In place on both sides: the optimizer and the sharding hold on to these very tensors.
            weights = parameter.clone()
            parameter.copy_(average)
            average.copy_(weights)

    @contextmanager
    def use_average(self) -> Iterator[None]:
        """Give the model the averages as its weights inside the block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def get_state(self) -> dict[str, Tensor]:
        """Return the averages by the names of their parameters."""
        return dict(zip(self.names, self.averages, strict=True))

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `get_state` returned."""
        for name, average in self.get_state().items():
            # `get_state` returns the averages themselves, so copying into them is loading.
            average.copy_(take_own_shard(state[name], average))
