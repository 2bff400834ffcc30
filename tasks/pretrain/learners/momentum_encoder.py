"""An encoder that follows the trained one slowly, and a queue of the keys that it made: MoCo, arXiv:1911.05722."""

import copy

import torch
from torch import Tensor, nn

from tasks.model.families import seeded
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.embedder import Batch, Embedder, are_there, contrast, directions, gathered, pooled


def frozen_copy(model: PackedModel) -> PackedModel:
    """A model with the same weights that is not trained."""
    copied = PackedModel(copy.deepcopy(model.module), model.reads)
    copied.module.requires_grad_(False)
    return copied


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, momentum: float) -> None:
    """Move each weight of `slow` towards `fast` by a share of 1 - momentum."""
    torch._foreach_lerp_(list(slow.parameters()), [weight.detach() for weight in fast.parameters()], 1 - momentum)


class Queued(Embedder):
    """The trained encoder, the momentum encoder, and the queue: all are state, the first alone is trained."""

    queue: Tensor
    oldest: Tensor

    def __init__(self, model: PackedModel, size: int, seed: int) -> None:
        super().__init__(model, dropout=0.0)
        self.slow_model = frozen_copy(model)
        self.slow = self.slow_model.trunk
        with seeded(seed):
            random = torch.randn(size, model.module.config.hidden_size)
        self.register_buffer("queue", directions(random))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))
        self.fresh: list[Tensor] = []

    @torch.no_grad()
    def keys(self, batch: Batch, texts: int) -> Tensor:
        """What the momentum encoder makes of the texts. In training they are kept for the queue."""
        keys_ND = directions(pooled(self.slow_model.hidden(batch), batch["documents"], texts))
        if self.training:
            self.fresh.append(gathered(keys_ND))
        return keys_ND

    def distinguished(self, anchors_ND: Tensor, keys_ND: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Tell each anchor's key from the queue: sum of the losses, and number of the texts that are there."""
        with torch.autocast(anchors_ND.device.type, enabled=False):
            anchors_ND = directions(anchors_ND)
            own_N1 = (anchors_ND * keys_ND).sum(-1, keepdim=True)
            logits = torch.cat([own_N1, anchors_ND @ self.queue.T], dim=1) / temperature
            own_N = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
            allowed = torch.ones(logits.size(1), dtype=torch.bool, device=logits.device)
            return contrast(logits, allowed, own_N, are_there(anchors_ND) & are_there(keys_ND))

    def move(self, momentum: float) -> None:
        """After a step: the newest keys replace the oldest, and the momentum encoder follows."""
        fresh_MD = torch.cat(self.fresh)
        fresh_MD = fresh_MD[are_there(fresh_MD)][-len(self.queue) :]
        places_M = (self.oldest + torch.arange(len(fresh_MD), device=self.queue.device)) % len(self.queue)
        self.queue[places_M] = fresh_MD
        self.oldest.copy_((self.oldest + len(fresh_MD)) % len(self.queue))
        self.fresh.clear()
        follow(self.slow, self.module, momentum)
