"""Bottleneck adapters: two small layers behind a sublayer, which change nothing at first.

Shapes: B texts, T tokens, D width of a hidden state.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.pytorch_utils import Conv1D

from tasks.evaluate.fitting.layers import layers_of
from tasks.failure import StageFailure


class Bottleneck(nn.Module):
    """Down to a few numbers, a nonlinearity, and up again, beside a straight connection."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(hidden, width), nn.Linear(width, hidden)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, state_BTD: Tensor) -> Tensor:
        """The state, and what is added to it (B, T, D)."""
        added: Tensor = self.up(gelu(self.down(state_BTD)))
        return state_BTD + added


def insert(body: nn.Module, width: int, *, attention: bool) -> None:
    """Freeze a model but for its norms, and put a bottleneck behind every feed-forward, and attention, sublayer."""
    body.requires_grad_(False)
    hidden: Any = body.config.hidden_size  # type: ignore[union-attr] # transformers' configurations all answer to it
    for layer in layers_of(body):
        ends = [module for module in layer.modules() if _gives(module) == hidden]
        if len(ends) < 2:
            raise StageFailure(
                f"the sublayers of a {type(layer).__name__} cannot be told apart",
                "Choose another evaluate.recipe.adapt.kind",
            )
        # projections stand in the order of their use: the last two of full width end attention and feed-forward
        for end in ends[-2:] if attention else ends[-1:]:
            end.add_module("bottleneck", Bottleneck(hidden, width))
            end.register_forward_hook(_through_bottleneck)
    for module in body.modules():
        if "Norm" in type(module).__name__:
            module.requires_grad_(True)


def _gives(module: nn.Module) -> int | None:
    """The width of what a linear layer gives."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return int(module.nf) if isinstance(module, Conv1D) else None


def _through_bottleneck(end: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
    found: Tensor = end.bottleneck(output)  # type: ignore[operator] # added above
    return found
