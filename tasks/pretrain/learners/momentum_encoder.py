"""A momentum encoder, and a queue of the keys that it has encoded: MoCo, arXiv:1911.05722.

Shape suffixes: N texts, M texts of all ranks, D hidden size.
"""

import copy

import torch
from torch import Tensor, nn

from tasks.model.families import fork_seeded_rng
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.embedder import (
    EmbeddingLearner,
    TensorBatch,
    compute_info_nce,
    gather_texts,
    has_text,
    mean_pool,
    normalize_states,
)


def copy_frozen(model: PackedModel) -> PackedModel:
    """Return a copy of a model that is not trained."""
    # A new PackedModel: the trunk and head of the old one are those of the old module.
    frozen = PackedModel(copy.deepcopy(model.module), model.model_kind)
    frozen.module.requires_grad_(False)
    return frozen


@torch.no_grad()
def update_ema(slow: nn.Module, trained: nn.Module, decay: float) -> None:
    """Update an exponential moving average in place: slow = decay × slow + (1 - decay) × trained."""
    torch._foreach_lerp_(list(slow.parameters()), [weight.detach() for weight in trained.parameters()], 1 - decay)


class MomentumLearner(EmbeddingLearner):
    """Holds the trained encoder, the momentum encoder and the queue; all are saved, only the first is trained."""

    queue: Tensor
    oldest: Tensor

    def __init__(self, model: PackedModel, queue_size: int, seed: int) -> None:
        super().__init__(model, dropout=0.0)
        # The names `slow`, `queue` and `oldest` are in the checkpoints.
        self.slow_model = copy_frozen(model)
        self.slow = self.slow_model.trunk
        with fork_seeded_rng(seed):
            initial_keys = torch.randn(queue_size, model.module.config.hidden_size)
        self.register_buffer("queue", normalize_states(initial_keys))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))
        self.new_keys: list[Tensor] = []

    @torch.no_grad()
    def encode_keys(self, batch: TensorBatch, max_texts: int) -> Tensor:
        """Encode texts with the momentum encoder; in training, keep the keys for the queue."""
        keys_ND = normalize_states(mean_pool(self.slow_model.compute_hidden(batch), batch["documents"], max_texts))
        if self.training:
            # Not into the queue yet: the other micro-batches of this step must see the same negatives.
            self.new_keys.append(gather_texts(keys_ND))
        return keys_ND

    def compute_queue_loss(self, anchors_ND: Tensor, keys_ND: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses of finding each anchor's key among it and the queue, and the number of texts."""
        with torch.autocast(anchors_ND.device.type, enabled=False):
            anchors_ND = normalize_states(anchors_ND)
            positive_N1 = (anchors_ND * keys_ND).sum(-1, keepdim=True)
            logits = torch.cat([positive_N1, anchors_ND @ self.queue.T], dim=1) / temperature
            # the positive is the first column
            targets_N = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
            allowed = torch.ones(logits.size(1), dtype=torch.bool, device=logits.device)
            return compute_info_nce(logits, allowed, targets_N, has_text(anchors_ND) & has_text(keys_ND))

    def update_queue_and_encoder(self, momentum: float) -> None:
        """Replace the oldest keys of the queue by those of the step, and update the momentum encoder."""
        # Not before the step: the queue must be the same for all micro-batches. All ranks have gathered the same keys,
        # so that their queues stay equal.
        keys_MD = torch.cat(self.new_keys)
        # Zeros are rows with few texts. The slice keeps the newest keys, where a step has more than the queue holds.
        keys_MD = keys_MD[has_text(keys_MD)][-len(self.queue) :]
        slots_M = (self.oldest + torch.arange(len(keys_MD), device=self.queue.device)) % len(self.queue)
        self.queue[slots_M] = keys_MD
        self.oldest.copy_((self.oldest + len(keys_MD)) % len(self.queue))
        self.new_keys.clear()
        update_ema(self.slow, self.module, momentum)
