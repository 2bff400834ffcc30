"""Learning rates that decay from a model's output towards its input (arXiv:1801.06146)."""

import re

from torch import Tensor, nn

# the layer's index in the parameter names of all families: bert.encoder.layer.3., transformer.h.3., model.layers.3.,
# decoder.block.3.
LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")


def compute_rate_factors(model: nn.Module, decay: float) -> dict[Tensor, float]:
    """Return each parameter's learning rate factor: `decay` to the power of the layers between it and the output.

    Embeddings lie below the first layer, heads and last norms above the last one. The encoder and the decoder of an
    encoder–decoder are counted from their own ends.
    """
    # by identity: tied embeddings may be listed under the name of the head
    embeddings = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    # The pattern begins with a dot, and a name may begin with the list of layers itself.
    matches = {name: LAYER.search(f".{name}") for name, _ in model.named_parameters()}
    num_layers = 1 + max((int(match[1]) for match in matches.values() if match), default=-1)
    factors: dict[Tensor, float] = {}
    for name, parameter in model.named_parameters():
        match = matches[name]
        if match is not None:
            layers_above = num_layers - int(match[1])
        else:
            layers_above = num_layers + 1 if id(parameter) in embeddings or "embed" in name else 0
        factors[parameter] = decay**layers_above
    return factors
