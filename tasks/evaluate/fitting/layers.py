"""Which weight belongs to which layer of a transformers model."""

from collections.abc import Iterator

from torch import nn

from tasks.failure import StageFailure


def layers_of(body: nn.Module) -> nn.ModuleList:
    """The model's layers. Raises StageFailure for one that shares weights between layers, as ALBERT."""
    config = body.config
    depth = config.num_hidden_layers  # type: ignore[union-attr] # transformers' configurations all answer to it
    for module in body.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise StageFailure(
        f"the layers of a model of the type {config.model_type} cannot be told apart",  # type: ignore[union-attr]
        "Choose another evaluate.recipe.adapt.kind, and evaluate.recipe.layer_decay=1",
    )


def heights(body: nn.Module) -> Iterator[tuple[nn.Parameter, int]]:
    """Every weight with its layer, from 1; 0 for what stands before the layers, layers + 1 for what stands after."""
    layers = layers_of(body)
    of_layer = {weight: number for number, layer in enumerate(layers, start=1) for weight in layer.parameters()}
    height = 0
    for weight in body.parameters():
        if weight in of_layer:
            height = len(layers) + 1  # what comes later and belongs to no layer stands above them
        yield weight, of_layer.get(weight, height)
