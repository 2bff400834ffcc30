"""The vocabulary projection and its cross entropy in one: the logits of all places never exist at once.

Shape suffixes: N places, D width, V vocabulary, C places in a chunk.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# 4 M logits are 16 MiB in float32
LOGITS_AT_ONCE = 1 << 22


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are made in the forward pass, chunk by chunk, while the chunk's probabilities are at hand."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, dtype: torch.dtype
    ) -> Tensor:
        learns = any(ctx.needs_input_grad)
        chunk = max(1, LOGITS_AT_ONCE // len(weight_VD))
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
            log_probabilities_CV = logits_CV.float().log_softmax(-1)
            counts_C = (targets_C >= 0).float()
            places_C1 = targets_C.clamp_min(0)[:, None]
            total -= (log_probabilities_CV.gather(1, places_C1)[:, 0] * counts_C).sum()
            if hidden_gradient is None or weight_gradient is None:
                continue
            slope_CV = log_probabilities_CV.exp_()
            slope_CV.scatter_add_(1, places_C1, slope_CV.new_full(places_C1.shape, -1.0))
            slope_CV *= counts_C[:, None]
            narrow_CV = slope_CV.to(dtype)
            torch.mm(narrow_CV, weight, out=hidden_gradient[begin : begin + chunk])
            if dtype == weight_gradient.dtype:
                weight_gradient.addmm_(narrow_CV.T, part_CD)
            else:
                weight_gradient += narrow_CV.T @ part_CD
            if bias_gradient is not None:
                bias_gradient += slope_CV.sum(0)
        ctx.gradients = hidden_gradient, weight_gradient, bias_gradient
        ctx.hidden_dtype = hidden_ND.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias = ctx.gradients
        ctx.gradients = None  # frees them as soon as they are handed on
        (slope,) = slopes
        return (
            (hidden * slope).to(ctx.hidden_dtype),
            weight * slope,
            None if bias is None else bias * slope,
            None,
            None,
        )


_cross_entropy: Callable[..., Tensor] = _LinearCrossEntropy.apply


def linear_cross_entropy(hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor) -> Tensor:
    """Sum over N of the cross entropy of `hidden @ weight.T + bias`; negative targets count nothing.

    The same value as `F.cross_entropy(F.linear(...), reduction="sum", ignore_index=-1)`, with V × chunk instead of
    V × N logits in memory.
    """
    kind = hidden_ND.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
    with torch.autocast(kind, enabled=False):
        return _cross_entropy(hidden_ND, weight_VD, bias_V, targets_N, dtype)
