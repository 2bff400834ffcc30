"""The vocabulary projection and its cross entropy in one: the logits of all places never exist at once.

Shape suffixes: N places, D width, V vocabulary, C places in a chunk.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# 8 M logits are 32 MiB in float32, and smaller products are slower; a GPU wants larger ones, of half a GiB in bf16
LOGITS_AT_ONCE = 1 << 23
LOGITS_AT_ONCE_ON_GPU = 1 << 28


def places_at_once(weight_VD: Tensor) -> int:
    """How many places may have their logits in memory at the same time."""
    return max(1, (LOGITS_AT_ONCE_ON_GPU if weight_VD.is_cuda else LOGITS_AT_ONCE) // len(weight_VD))


def scored_in_place(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the cross entropies over the targets that are not negative, and its gradient by the logits, in float32."""
    logits_CV = logits_CV.float()
    places_C1 = targets_C.clamp_min(0)[:, None]
    slope_CV = logits_CV.softmax(-1)
    # the likeliest token has a probability of at least 1 / V, so no precision is lost; one pass of exp is enough
    log_sums_C = logits_CV.amax(-1) - slope_CV.amax(-1).log()
    left_out_C = targets_C < 0
    total = (log_sums_C - logits_CV.gather(1, places_C1)[:, 0]).masked_fill(left_out_C, 0.0).sum()
    slope_CV.scatter_add_(1, places_C1, slope_CV.new_full(places_C1.shape, -1.0))
    slope_CV[left_out_C] = 0.0
    return total, slope_CV


def scored_fused(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """The same without a step in place, and the gradient in the dtype of the logits: compiled it is few kernels."""
    log_probabilities_CV = logits_CV.float().log_softmax(-1)
    counts_C = (targets_C >= 0).float()
    places_C1 = targets_C.clamp_min(0)[:, None]
    total = -(log_probabilities_CV.gather(1, places_C1)[:, 0] * counts_C).sum()
    here_CV = torch.arange(logits_CV.size(1), device=logits_CV.device) == places_C1
    slope_CV = (log_probabilities_CV.exp() - here_CV.float()) * counts_C[:, None]
    return total, slope_CV.to(logits_CV.dtype)


@functools.cache
def _compiled() -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return torch.compile(scored_fused)


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are made in the forward pass, chunk by chunk, while the chunk's probabilities are at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        dtype: torch.dtype,
        compiled: bool,
    ) -> Tensor:
        learns = any(ctx.needs_input_grad)
        chunk, scored = places_at_once(weight_VD), _compiled() if compiled else scored_in_place
        hidden, weight = hidden_ND.to(dtype), weight_VD.to(dtype)
        hidden_gradient = torch.empty_like(hidden) if learns else None
        weight_gradient = torch.zeros_like(weight_VD) if learns else None
        bias_gradient = torch.zeros_like(bias_V) if learns and bias_V is not None else None
        total = hidden.new_zeros((), dtype=torch.float32)
        for begin in range(0, len(hidden), chunk):
            part_CD, targets_C = hidden[begin : begin + chunk], targets_N[begin : begin + chunk]
            logits_CV = part_CD @ weight.T
            if bias_V is not None:
                logits_CV += bias_V.to(dtype)
            part_total, slope_CV = scored(logits_CV, targets_C)
            total += part_total
            if hidden_gradient is None or weight_gradient is None:
                continue
            narrow_CV = slope_CV.to(dtype)
            torch.mm(narrow_CV, weight, out=hidden_gradient[begin : begin + chunk])
            if dtype == weight_gradient.dtype:
                weight_gradient.addmm_(narrow_CV.T, part_CD)
            else:
                weight_gradient += narrow_CV.T @ part_CD
            if bias_gradient is not None:
                bias_gradient += slope_CV.sum(0, dtype=bias_gradient.dtype)
        ctx.gradients = hidden_gradient, weight_gradient, bias_gradient
        ctx.hidden_dtype = hidden_ND.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias = ctx.gradients
        ctx.gradients = None  # frees them as soon as they are handed on
        (slope,) = slopes
        return (
            hidden.mul_(slope).to(ctx.hidden_dtype),
            weight.mul_(slope),
            None if bias is None else bias.mul_(slope),
            None,
            None,
            None,
        )


_cross_entropy: Callable[..., Tensor] = _LinearCrossEntropy.apply


def linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, *, compiled: bool = False
) -> Tensor:
    """Sum over N of the cross entropy of `hidden @ weight.T + bias`; negative targets count nothing.

    The same value as `F.cross_entropy(F.linear(...), reduction="sum", ignore_index=-1)`, with V × chunk instead of
    V × N logits in memory.
    """
    kind = hidden_ND.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
    with torch.autocast(kind, enabled=False):
        return _cross_entropy(hidden_ND, weight_VD, bias_V, targets_N, dtype, compiled)
