"""Bottleneck adapters: two small layers after a sublayer, which are the identity at first.

Shapes: B texts, T tokens, D hidden size.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.pytorch_utils import Conv1D

from tasks.downstream.models.layers import find_layers
from tasks.errors import StageFailure

# the module names of a decoder layer's cross-attention: BART and its relatives, T5, and decoders built from BERT
CROSS_ATTENTION_PREFIXES = ("encoder_attn", "layer.1.EncDecAttention", "crossattention")


class Bottleneck(nn.Module):
    """A down-projection, a nonlinearity and an up-projection, with a residual connection."""

    def __init__(self, hidden_size: int, bottleneck_size: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(hidden_size, bottleneck_size), nn.Linear(bottleneck_size, hidden_size)
        # zeros, so that the adapted model computes at first what the pretrained one does
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, state_BTD: Tensor) -> Tensor:
        """Return the state plus the adapter's change (B, T, D)."""
        change_BTD: Tensor = self.up(gelu(self.down(state_BTD)))
        return state_BTD + change_BTD


def insert_bottlenecks(body: Any, bottleneck_size: int, *, after_attention: bool) -> None:
    """Freeze a model but for its norms, and add a bottleneck after every feed-forward, and attention, sublayer."""
    body.requires_grad_(False)
    hidden_size = body.config.hidden_size
    for layer in find_layers(body):
        attentions, feed_forward = _find_output_layers(layer, hidden_size)
        for output_layer in [*attentions, feed_forward] if after_attention else [feed_forward]:
            # A child of the output layer, so that it moves, trains and is saved with the model. A hook applies it, as
            # families' layers have no common `forward` to change.
            output_layer.add_module("bottleneck", Bottleneck(hidden_size, bottleneck_size))
            output_layer.register_forward_hook(_apply_bottleneck)
    # found by the class name, as families have norm classes of their own
    for module in body.modules():
        if "Norm" in type(module).__name__:
            module.requires_grad_(True)


def _find_output_layers(layer: nn.Module, hidden_size: int) -> tuple[list[nn.Module], nn.Module]:
    """Return the last linear layers of a layer's attentions, one or two, and the last one of its feed-forward."""
    full_width = [(name, module) for name, module in layer.named_modules() if _output_size(module) == hidden_size]
    if len(full_width) < 2:
        raise StageFailure(
            f"the sublayers of a {type(layer).__name__} cannot be told apart",
            "Choose another evaluate.finetuning.method.kind",
        )
    # projections stand in the order of their use, so the last of full width in a sublayer is its output layer
    *attention_layers, (_, feed_forward) = full_width
    # A dictionary of at most two entries: later layers replace earlier ones, so each attention keeps its last.
    attentions = {name.startswith(CROSS_ATTENTION_PREFIXES): module for name, module in attention_layers}
    return list(attentions.values()), feed_forward


def _output_size(module: nn.Module) -> int | None:
    """Return the number of outputs of a linear layer, None for other modules."""
    if isinstance(module, nn.Linear):
        return module.out_features
    # GPT-2's Conv1D is a linear layer with the weight transposed.
    return int(module.nf) if isinstance(module, Conv1D) else None


def _apply_bottleneck(output_layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
    adapted: Tensor = output_layer.bottleneck(output)  # type: ignore[operator] # added above
    return adapted
