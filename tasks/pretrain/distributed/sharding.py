"""Weights, gradients and optimizer states split over the ranks (`TEXTMILL_PARALLEL=shard`): ZeRO-3, arXiv:1910.02054.

By FSDP2: each layer's weights are gathered while it is at work, and freed again. Outside of that a parameter is a
DTensor of which each rank holds its rows. Checkpoints hold whole tensors, so any number of ranks can resume from them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel


def shard_module(loss_module: nn.Module) -> nn.Module:
    """Shard all parameters of a module in place: a unit for each layer, and one for what is in no layer."""
    # From the inside out: the outer unit takes only what no inner unit holds.
    for layer in _find_layers(loss_module):
        fully_shard(layer)
    # the outer weights are freed at once too: what was gathered before a step would be the old ones
    fully_shard(loss_module, reshard_after_forward=True)
    return loss_module


def _find_layers(module: nn.Module) -> list[nn.Module]:
    """List the layers of all transformers models in a module, by the class names that transformers gives them."""
    models = [part for part in module.modules() if isinstance(part, PreTrainedModel)]
    names = {name for model in models for name in model._no_split_modules or ()}  # noqa: SLF001 - there is no public way to ask
    module_lists = [part for part in module.modules() if isinstance(part, nn.ModuleList)]
    return [layer for layers in module_lists for layer in layers if type(layer).__name__ in names]


def is_sharded(loss_module: nn.Module) -> bool:
    """Return whether `shard_module` was applied."""
    return isinstance(loss_module, FSDPModule)


def gather_full(tensor: Tensor) -> Tensor:
    """Return all of a tensor on every rank. For a sharded one all ranks must call it together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def take_own_shard(full: Tensor, like: Tensor) -> Tensor:
    """Return this rank's shard of a tensor that every rank holds, split as `like` is."""
    # Not sharded: every rank keeps the whole.
    if not isinstance(like, DTensor):
        return full.to(like.device)
    # src_data_rank=None: every rank cuts its shard out of what it holds, and none is sent.
    return distribute_tensor(full.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def gather_on_leader(tensors: Mapping[str, Tensor], is_leader: bool) -> dict[str, Tensor]:
    """Return whole tensors for the leading rank, sharded ones on the CPU, and nothing for the others."""
    full_tensors: dict[str, Tensor] = {}
    # one after the other, so that a GPU never holds more than one whole tensor
    for name, tensor in tensors.items():
        # A collective: it comes before the test for the leader, or the others would leave the leader waiting.
        full = gather_full(tensor)
        if is_leader:
            full_tensors[name] = full.cpu() if isinstance(tensor, DTensor) else full
    return full_tensors


def locate_storage(tensor: Tensor) -> tuple[int, int]:
    """Return the address and number of a tensor's elements on this rank: equal for tied weights only."""
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    # The number tells empty tensors, which may all have the address 0.
    return local.data_ptr(), local.numel()


def compute_total_norm(gradients: list[Tensor]) -> float:
    """Return the norm of all gradients together, over all ranks."""
    # The norm of DTensors is a DTensor itself, of the ranks' partial norms, which gathering combines.
    return float(gather_full(torch.nn.utils.get_total_norm(gradients)))
