"""Dropout in a model that is built without, with noise that a row's seed decides: a step repeated is the same."""

from typing import Any

import torch
from torch import Tensor, nn


class Dropout:
    """Drops a share of what passes each place where transformers has a dropout layer, while `seeds` are set.

    Each row has the noise of its seed and of the place in the model, whatever the other rows are. Recomputed
    activations have the same noise again.
    """

    def __init__(self, trunk: nn.Module, rate: float) -> None:
        self.rate, self.seeds = rate, list[int]()
        layers = [layer for layer in trunk.modules() if isinstance(layer, nn.Dropout)]
        for number, layer in enumerate(layers):
            layer.register_forward_hook(self._hook(number))

    def _hook(self, number: int) -> Any:
        def dropped(_layer: nn.Module, _given: Any, states_BTD: Tensor) -> Tensor:
            if not self.seeds:
                return states_BTD
            generator = torch.Generator(states_BTD.device)
            kept_BTD = torch.empty_like(states_BTD)
            for row_TD, seed in zip(kept_BTD, self.seeds, strict=True):
                row_TD.bernoulli_(1 - self.rate, generator=generator.manual_seed(seed + number))
            return states_BTD * kept_BTD / (1 - self.rate)

        return dropped
