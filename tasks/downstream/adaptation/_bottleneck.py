"""Bottleneck adapters: two small layers behind a sublayer, which change nothing at first.

Shapes: B texts, T tokens, D width of a hidden state.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.pytorch_utils import Conv1D

from tasks.downstream.models.layers import find_layers
from tasks.errors import StageFailure

# where a decoder's layer looks at what an encoder read: in BART and its kin, in T5, in what was made of BERT
CROSS_ATTENTION_PREFIXES = ("encoder_attn", "layer.1.EncDecAttention", "crossattention")


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


def insert_bottlenecks(body: Any, width: int, *, attention: bool) -> None:
    """Freeze a model but for its norms, and put a bottleneck behind every feed-forward, and attention, sublayer."""
    body.requires_grad_(False)
    hidden = body.config.hidden_size
    for layer in find_layers(body):
        attentions, feed_forward = _find_output_layers(layer, hidden)
        for end in [*attentions, feed_forward] if attention else [feed_forward]:
            end.add_module("bottleneck", Bottleneck(hidden, width))
            end.register_forward_hook(_apply_bottleneck)
    for module in body.modules():
        if "Norm" in type(module).__name__:
            module.requires_grad_(True)


def _find_output_layers(layer: nn.Module, hidden: int) -> tuple[list[nn.Module], nn.Module]:
    """The linear layers that end a layer's attentions, one or two, and the one that ends its feed-forward sublayer."""
    found = [(name, module) for name, module in layer.named_modules() if _output_size(module) == hidden]
    if len(found) < 2:
        raise StageFailure(
            f"the sublayers of a {type(layer).__name__} cannot be told apart",
            "Choose another evaluate.recipe.adapt.kind",
        )
    # projections stand in the order of their use, so each sublayer's last of full width ends it
    *earlier, (_, feed_forward) = found
    attentions = {name.startswith(CROSS_ATTENTION_PREFIXES): module for name, module in earlier}
    return list(attentions.values()), feed_forward


def _output_size(module: nn.Module) -> int | None:
    """The width of what a linear layer gives."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return int(module.nf) if isinstance(module, Conv1D) else None


def _apply_bottleneck(end: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
    found: Tensor = end.bottleneck(output)  # type: ignore[operator] # added above
    return found
