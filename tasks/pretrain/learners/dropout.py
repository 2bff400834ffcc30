"""Dropout for a model that is built without, from a seed a row: a repeated step has the same noise.

Shape suffixes: B rows, T positions in a row, D hidden size.
"""

from typing import Any

import torch
from torch import Tensor, nn


class SeededDropout:
    """Drops a fraction `rate` of the states at each dropout layer of transformers, while `seeds` are set.

    A row's noise depends on its seed and on the layer only, not on the other rows. Recomputed activations have the same
    noise again.
    """

    def __init__(self, trunk: nn.Module, rate: float) -> None:
        self.rate, self.seeds = rate, list[int]()
        layers = [layer for layer in trunk.modules() if isinstance(layer, nn.Dropout)]
        for index, layer in enumerate(layers):
            layer.register_forward_hook(self._make_hook(index))

    def _make_hook(self, layer_index: int) -> Any:
        def drop(_layer: nn.Module, _inputs: Any, states_BTD: Tensor) -> Tensor:
            if not self.seeds:
                return states_BTD
            # A generator of its own: the global state stays as it is, and other random numbers do not shift.
            generator = torch.Generator(states_BTD.device)
            kept_BTD = torch.empty_like(states_BTD)
            for row_TD, seed in zip(kept_BTD, self.seeds, strict=True):
                row_TD.bernoulli_(1 - self.rate, generator=generator.manual_seed(seed + layer_index))
            # Scaled up, so that the expected value is that without dropout.
            return states_BTD * kept_BTD / (1 - self.rate)

        return drop
