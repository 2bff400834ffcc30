"""How far each parameter is from a model's output."""

import re

from torch import Tensor, nn

# layers of all families: bert.encoder.layer.3., transformer.h.3., model.layers.3., decoder.block.3.
LAYER = re.compile(r"\.(?:layer|layers|h|block)\.(\d+)\.")


def rates(model: nn.Module, decay: float) -> dict[Tensor, float]:
    """What each parameter's learning rate is multiplied with: `decay` once for each layer that lies behind it.

    Embeddings lie below the first layer, heads and last norms above the last one. The halves of an encoder–decoder are
    counted alike.
    """
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    found = {name: LAYER.search(f".{name}") for name, _ in model.named_parameters()}
    top = 1 + max((int(match[1]) for match in found.values() if match), default=-1)
    result: dict[Tensor, float] = {}
    for name, parameter in model.named_parameters():
        match = found[name]
        if match is not None:
            above = top - int(match[1])
        else:
            above = top + 1 if id(parameter) in tables or "embed" in name else 0
        result[parameter] = decay**above
    return result
