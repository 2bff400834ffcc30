"""Which weight belongs to which layer of a transformers model."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from tasks.errors import StageFailure

LAYER_COUNT_SETTINGS = ("num_hidden_layers", "decoder_layers", "num_decoder_layers")


def find_layers(body: Any) -> list[nn.Module]:
    """The model's layers from the lowest on, a decoder's after those of the encoder that it reads.

    Raises StageFailure for a model that shares weights between layers, as ALBERT.
    """
    depths = {getattr(body.config, name, None) for name in LAYER_COUNT_SETTINGS}
    found = [layer for stack in _find_module_lists(body) if len(stack) in depths for layer in stack]
    if not found:
        raise StageFailure(
            f"the layers of a model of the type {body.config.model_type} cannot be told apart",
            "Choose another evaluate.recipe.adapt.kind, and evaluate.recipe.layer_decay=1",
        )
    return found


def _find_module_lists(module: nn.Module) -> Iterator[nn.ModuleList]:
    """The outermost lists of modules; a layer may have lists of its own."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield child
        else:
            yield from _find_module_lists(child)


def assign_weights_to_layers(body: nn.Module) -> Iterator[tuple[nn.Parameter, int]]:
    """Every weight with its layer, from 1; 0 for what stands before the layers, layers + 1 for what stands after.

    What stands between an encoder's layers and a decoder's counts with the encoder's last.
    """
    layers = find_layers(body)
    of_layer = {weight: number for number, layer in enumerate(layers, start=1) for weight in layer.parameters()}
    passed = 0
    for name, weight in body.named_parameters():
        passed = of_layer.get(weight, passed)
        if weight in of_layer:
            yield weight, passed
        elif "layernorm_embedding" in name:  # of BART, which names it after the layers that stand above it
            yield weight, 0
        else:
            yield weight, passed + 1 if passed == len(layers) else passed
