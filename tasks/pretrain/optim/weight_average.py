"""A moving average of the weights: Polyak and Juditsky 1992, SIAM J. Control Optim. 30(4)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tasks.pretrain.distributed.sharding import own_part


class Average:
    """The mean over about the last 1 / (1 - decay) steps of each trained parameter; none with a decay of 0."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad and decay}
        self.decay, self.names = decay, list(trained)
        self.parameters = list(trained.values())
        self.kept = [parameter.detach().clone() for parameter in self.parameters]

    def step(self, number: int) -> None:
        """Take in the weights after step `number`, from 1. At first the mean is over all steps so far."""
        if self.kept:
            decay = min(self.decay, 1 - 1 / number)
            torch._foreach_lerp_(self.kept, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def exchange(self) -> None:
        """Put the mean into the model, and the model's weights here."""
        for kept, parameter in zip(self.kept, self.parameters, strict=True):
            weights = parameter.clone()
            parameter.copy_(kept)
            kept.copy_(weights)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The model with the mean as its weights."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    def state(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.kept, strict=True))

    def load(self, state: dict[str, Tensor]) -> None:
        for name, kept in self.state().items():
            kept.copy_(own_part(state[name], kept))
