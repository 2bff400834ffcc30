"""Embeddings of texts, and the contrast between them.

Shape suffixes: B rows, T places in a row, K texts in a row, D width, N texts, M texts of all ranks.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from tasks.model.families import seeded
from tasks.model.packed import PackedModel
from tasks.pretrain.learners.dropout import Dropout
from tasks.pretrain.learners.learner import Learner

Batch = Mapping[str, Tensor]


class Embedder(Learner):
    """The model without its vocabulary head, which no embedding needs; it runs with dropout where seeds are given."""

    def __init__(self, model: PackedModel, dropout: float) -> None:
        super().__init__(model)
        self.module = model.trunk
        self.noise = Dropout(model.trunk, dropout) if dropout else None

    def embedded(self, batch: Batch, texts: int, seeds: Tensor | None = None) -> Tensor:
        """Mean hidden state of each text, (N, D) with N = B × K; zeros where a row has fewer texts."""
        if self.noise and seeds is not None:
            self.noise.seeds = seeds.tolist()
        hidden_BTD = self.model.hidden(batch)
        if not torch.is_grad_enabled():  # otherwise they are needed when activations are recomputed
            self.quieten()
        return pooled(hidden_BTD, batch["documents"], texts)

    def quieten(self) -> None:
        """No dropout from here on."""
        if self.noise:
            self.noise.seeds = []


def pooled(hidden_BTD: Tensor, numbers_BT: Tensor, texts: int) -> Tensor:
    """Mean over the places of each text, (B × K, D)."""
    numbers_K = torch.arange(texts, device=numbers_BT.device)
    shares_BKT = (numbers_BT[:, None, :] == numbers_K[None, :, None]).to(hidden_BTD.dtype)
    shares_BKT = shares_BKT / shares_BKT.sum(-1, keepdim=True).clamp_min(1)
    return (shares_BKT @ hidden_BTD).flatten(0, 1)


def contrast(logits_NM: Tensor, allowed: Tensor, own_N: Tensor, there_N: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over the texts that are there of the cross entropy of their own key among the allowed ones; their number.

    InfoNCE: van den Oord et al. 2018, arXiv:1807.03748. `allowed` is (M,) or (N, M).
    """
    logits_NM = logits_NM.masked_fill(~allowed, torch.finfo(logits_NM.dtype).min)
    losses_N = functional.cross_entropy(logits_NM, own_N, reduction="none")
    return losses_N.masked_fill(~there_N, 0.0).sum(), there_N.sum()


def directions(states: Tensor) -> Tensor:
    """Of length 1 in float32; zeros, which stand for texts that are not there, stay zeros."""
    return functional.normalize(states.float(), dim=-1)


def are_there(states: Tensor) -> Tensor:
    """Which rows stand for a text."""
    return states.ne(0).any(-1)


def matched(anchors_ND: Tensor, keys_ND: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Find each anchor's key among the keys of all texts on all ranks."""
    with torch.autocast(anchors_ND.device.type, enabled=False):
        anchors_ND, keys_MD = directions(anchors_ND), gathered(directions(keys_ND))
        own_N = torch.arange(len(anchors_ND), device=anchors_ND.device) + first_of_rank(len(anchors_ND))
        there_N = are_there(anchors_ND) & are_there(keys_ND)
        return contrast(anchors_ND @ keys_MD.T / temperature, are_there(keys_MD), own_N, there_N)


class Projected(Embedder):
    """With a projection that is trained upon the embeddings and thrown away: SimCLR's g, arXiv:2002.05709 section 2."""

    def __init__(self, model: PackedModel, width: int, seed: int) -> None:
        super().__init__(model, dropout=0.0)
        inner = model.module.config.hidden_size
        with seeded(seed):
            self.projection = nn.Sequential(nn.Linear(inner, inner), nn.ReLU(), nn.Linear(inner, width, bias=False))

    def agreement(self, batch: Batch, texts: int, temperature: float) -> tuple[Tensor, Tensor]:
        """Find each view's other view among all views of all texts on all ranks (NT-Xent).

        The rows of `batch` are the first views, then the second ones.
        """
        embedded = self.embedded(batch, texts)
        with torch.autocast(embedded.device.type, enabled=False):
            there_N = are_there(embedded)
            views_ND = directions(self.projection(embedded.float())) * there_N[:, None]
            views_MD = gathered(views_ND)
            me_N = torch.arange(len(views_ND), device=views_ND.device) + first_of_rank(len(views_ND))
            twin_N = me_N.roll(len(me_N) // 2)
            allowed_NM = are_there(views_MD).repeat(len(me_N), 1).scatter(1, me_N[:, None], False)
            return contrast(views_ND @ views_MD.T / temperature, allowed_NM, twin_N, there_N)


class _Gathered(torch.autograd.Function):
    """What all ranks hold."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        parts = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, mine.contiguous())
        ctx.size = len(mine)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        # what each rank's loss says about my part comes back to me
        (slope,) = slopes
        slope = slope.contiguous()
        dist.all_reduce(slope)
        return slope[first_of_rank(ctx.size) :][: ctx.size]


def gathered(mine: Tensor) -> Tensor:
    """The tensors of all ranks in their order, along the first dimension; gradients find their way back."""
    if not dist.is_initialized():
        return mine
    found: Tensor = _Gathered.apply(mine)  # type: ignore[no-untyped-call]
    return found


def first_of_rank(size: int) -> int:
    """Where this rank's part begins in what was gathered."""
    return size * dist.get_rank() if dist.is_initialized() else 0
