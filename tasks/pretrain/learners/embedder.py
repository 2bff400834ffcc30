"""Embeddings of texts, and contrastive losses between them.

Shape suffixes: B rows, T positions in a row, K texts in a row, D size of an embedding, N texts, M texts of all ranks.
A row with fewer than K texts is filled up with zero embeddings, which count as no text.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from tasks.model.families import fork_seeded_rng
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.dropout import SeededDropout
from tasks.pretrain.learners.learner import Learner

TensorBatch = Mapping[str, Tensor]


class EmbeddingLearner(Learner):
    """Holds the model without its vocabulary head, and embeds texts, with dropout where seeds are given."""

    def __init__(self, model: PackedModel, dropout: float) -> None:
        super().__init__(model)
        # What is trained and exported is the trunk: without a loss on tokens the vocabulary head has no gradient.
        self.module = model.trunk
        self.dropout = SeededDropout(model.trunk, dropout) if dropout else None

    def embed(self, batch: TensorBatch, max_texts: int, seeds: Tensor | None = None) -> Tensor:
        """Return the mean hidden state of each text, (N, D) with N = B × K; zeros where a row has fewer texts."""
        if self.dropout and seeds is not None:
            self.dropout.seeds = seeds.tolist()
        hidden_BTD = self.model.compute_hidden(batch)
        # with gradients the seeds stay set: recomputed activations need the same noise in the backward pass
        if not torch.is_grad_enabled():
            self.stop_dropout()
        return mean_pool(hidden_BTD, batch["documents"], max_texts)

    def stop_dropout(self) -> None:
        """Switch dropout off."""
        if self.dropout:
            self.dropout.seeds = []


def mean_pool(hidden_BTD: Tensor, indices_BT: Tensor, max_texts: int) -> Tensor:
    """Return the mean state over the positions of each text, (B × K, D); `indices_BT` are the texts of positions."""
    indices_K = torch.arange(max_texts, device=indices_BT.device)
    # Padding has the index -1, which equals none of 0 … K - 1.
    weights_BKT = (indices_BT[:, None, :] == indices_K[None, :, None]).to(hidden_BTD.dtype)
    weights_BKT = weights_BKT / weights_BKT.sum(-1, keepdim=True).clamp_min(1)
    return (weights_BKT @ hidden_BTD).flatten(0, 1)


def compute_info_nce(logits_NM: Tensor, allowed: Tensor, targets_N: Tensor, present_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum over present texts of the cross entropy of their key among the allowed keys, and their number.

    InfoNCE: van den Oord et al. 2018, arXiv:1807.03748. `allowed` flags keys, (M,) or (N, M).
    """
    # The smallest finite number and not -inf: a row without any allowed key would become NaN, which masking its loss
    # does not take out of the gradient.
    logits_NM = logits_NM.masked_fill(~allowed, torch.finfo(logits_NM.dtype).min)
    losses_N = functional.cross_entropy(logits_NM, targets_N, reduction="none")
    return losses_N.masked_fill(~present_N, 0.0).sum(), present_N.sum()


def normalize_states(states: Tensor) -> Tensor:
    """Scale states to length 1 in float32; zeros, which stand for missing texts, stay zeros."""
    return functional.normalize(states.float(), dim=-1)


def has_text(states: Tensor) -> Tensor:
    """Return flags of the embeddings that are not zero: those of texts."""
    return states.ne(0).any(-1)


def match_texts(anchors_ND: Tensor, keys_ND: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the InfoNCE loss of finding each anchor's key among the keys of all ranks, and the number of texts."""
    with torch.autocast(anchors_ND.device.type, enabled=False):
        anchors_ND, keys_MD = normalize_states(anchors_ND), gather_texts(normalize_states(keys_ND))
        targets_N = torch.arange(len(anchors_ND), device=anchors_ND.device) + find_rank_offset(len(anchors_ND))
        present_N = has_text(anchors_ND) & has_text(keys_ND)
        return compute_info_nce(anchors_ND @ keys_MD.T / temperature, has_text(keys_MD), targets_N, present_N)


class ProjectionLearner(EmbeddingLearner):
    """Adds a projection on the embeddings, which is not exported: SimCLR's g, arXiv:2002.05709 section 2."""

    def __init__(self, model: PackedModel, projection_dim: int, seed: int) -> None:
        super().__init__(model, dropout=0.0)
        hidden_size = model.module.config.hidden_size
        with fork_seeded_rng(seed):
            self.projection = nn.Sequential(
                nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, projection_dim, bias=False)
            )

    def compute_nt_xent(self, batch: TensorBatch, max_texts: int, temperature: float) -> tuple[Tensor, Tensor]:
        """Return the NT-Xent loss: find each view's other view among all views of all texts of all ranks.

        The rows of `batch` are the first views, then the second ones. Also returns the number of views.
        """
        embeddings = self.embed(batch, max_texts)
        with torch.autocast(embeddings.device.type, enabled=False):
            present_N = has_text(embeddings)
            views_ND = normalize_states(self.projection(embeddings.float())) * present_N[:, None]
            views_MD = gather_texts(views_ND)
            own_N = torch.arange(len(views_ND), device=views_ND.device) + find_rank_offset(len(views_ND))
            # Half of the rows away in either direction: from the first views to the second ones and back.
            twin_N = own_N.roll(len(own_N) // 2)
            # A view is no candidate for itself.
            allowed_NM = has_text(views_MD).repeat(len(own_N), 1).scatter(1, own_N[:, None], False)
            return compute_info_nce(views_ND @ views_MD.T / temperature, allowed_NM, twin_N, present_N)


class _AllGather(torch.autograd.Function):
    """Gathers tensors of equal shapes from all ranks, with gradients."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        ctx.size = len(own)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # the losses of all ranks depend on this rank's part: their gradients are summed
        (gradient,) = gradients
        gradient = gradient.contiguous()
        # Summed and not averaged: DDP's own mean over the ranks follows when the parameters' gradients are exchanged.
        dist.all_reduce(gradient)
        return gradient[find_rank_offset(ctx.size) :][: ctx.size]


def gather_texts(own: Tensor) -> Tensor:
    """Concatenate the tensors of all ranks along the first dimension, in the ranks' order; gradients flow back."""
    if not dist.is_initialized():
        return own
    all_texts: Tensor = _AllGather.apply(own)  # type: ignore[no-untyped-call]
    return all_texts


def find_rank_offset(size: int) -> int:
    """Return the offset of this rank's part in a gathered tensor, if each rank has `size` texts."""
    return size * dist.get_rank() if dist.is_initialized() else 0
