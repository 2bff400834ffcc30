"""Weights, gradients and optimizer states split over the ranks (`TEXTMILL_PARALLEL=shard`): ZeRO-3, arXiv:1910.02054.

By FSDP2: each layer's weights are gathered when it is at work, and given back. Outside of that a parameter is a DTensor
of which each rank holds its rows. Checkpoints hold whole tensors, so that any number of ranks goes on from them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel


def sharded(scored: nn.Module) -> nn.Module:
    """The loss with all parameters below it split; what is not in a layer is one more unit. In place."""
    for layer in _layers(scored):
        fully_shard(layer)
    # also the outer weights are given back at once: what was gathered before a step would be the old ones
    fully_shard(scored, reshard_after_forward=True)
    return scored


def _layers(module: nn.Module) -> list[nn.Module]:
    """The layers of all transformers models in a module, as transformers names them."""
    models = [part for part in module.modules() if isinstance(part, PreTrainedModel)]
    names = {name for model in models for name in model._no_split_modules or ()}  # noqa: SLF001 - there is no public way to ask
    rows = [part for part in module.modules() if isinstance(part, nn.ModuleList)]
    return [layer for row in rows for layer in row if type(layer).__name__ in names]


def is_sharded(scored: nn.Module) -> bool:
    """Whether `sharded` was applied."""
    return isinstance(scored, FSDPModule)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, on every rank. Of one that is split all ranks must ask together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own_part(full: Tensor, like: Tensor) -> Tensor:
    """This rank's part of a tensor that every rank holds, split as `like` is."""
    if not isinstance(like, DTensor):
        return full.to(like.device)
    return distribute_tensor(full.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def gathered(tensors: Mapping[str, Tensor], leads: bool) -> dict[str, Tensor]:
    """Whole tensors on the CPU for the rank that leads, one after the other; nothing for the others."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if leads:
            found[name] = full.cpu() if isinstance(tensor, DTensor) else full
    return found


def place_of(tensor: Tensor) -> tuple[int, int]:
    """Where a tensor's data lie, and how many: the same for tied weights only."""
    own = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return own.data_ptr(), own.numel()


def total_norm(gradients: list[Tensor]) -> float:
    """The norm of all gradients together, over all ranks."""
    return float(whole(torch.nn.utils.get_total_norm(gradients)))
