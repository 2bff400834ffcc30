"""The layers of a transformers model, and the layer that each weight belongs to."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from tasks.errors import StageFailure

LAYER_COUNT_SETTINGS = ("num_hidden_layers", "decoder_layers", "num_decoder_layers")


def find_layers(body: Any) -> list[nn.Module]:
    """Return the model's layers from the lowest on, a decoder's after those of its encoder.

    Raises StageFailure for a model that shares weights between layers, such as ALBERT.
    """
    # a list of layers is known by its length: no name of it is common to all families
    counts = {getattr(body.config, name, None) for name in LAYER_COUNT_SETTINGS}
    layers = [layer for modules in _find_module_lists(body) if len(modules) in counts for layer in modules]
    if not layers:
        raise StageFailure(
            f"the layers of a model of the type {body.config.model_type} cannot be told apart",
            "Choose another evaluate.finetuning.method.kind, and evaluate.finetuning.layer_decay=1",
        )
    return layers


def _find_module_lists(module: nn.Module) -> Iterator[nn.ModuleList]:
    """Yield the outermost lists of modules; a layer may have lists of its own."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield child
        else:
            yield from _find_module_lists(child)


def assign_weights_to_layers(body: nn.Module) -> Iterator[tuple[nn.Parameter, int]]:
    """Yield every weight with its layer's number from 1; 0 below the layers, the number of layers + 1 above them.

    Weights between an encoder's layers and a decoder's get the number of the encoder's last layer.
    """
    layers = find_layers(body)
    layer_numbers = {weight: number for number, layer in enumerate(layers, start=1) for weight in layer.parameters()}
    # weights come in the order of their use, so one outside of the layers stands after the last layer that was seen
    last_number = 0
    for name, weight in body.named_parameters():
        last_number = layer_numbers.get(weight, last_number)
        if weight in layer_numbers:
            yield weight, last_number
        elif "layernorm_embedding" in name:  # BART names it after the layers that stand above it
            yield weight, 0
        else:
            yield weight, last_number + 1 if last_number == len(layers) else last_number
