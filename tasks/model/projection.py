"""The vocabulary projection and its cross entropy in one: the logits of all positions never exist at once.

Shape suffixes: N positions, D hidden size, V vocabulary, C positions in a chunk.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# Logits in memory at the same time. On a CPU 8 M logits are 32 MiB in float32, and smaller products are slower; a GPU
# needs larger ones, of half a GiB in bf16.
MAX_LOGITS = 1 << 23
MAX_LOGITS_ON_GPU = 1 << 28


def choose_chunk_size(weight_VD: Tensor) -> int:
    """Return the number of positions whose logits may be in memory at the same time, at least 1."""
    return max(1, (MAX_LOGITS_ON_GPU if weight_VD.is_cuda else MAX_LOGITS) // len(weight_VD))


def score_logits_in_place(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the cross entropies over non-negative targets, and its gradient by the logits, in float32."""
    logits_CV = logits_CV.float()
    # Ignored targets are negative; they gather column 0, and are zeroed below.
    target_ids_C1 = targets_C.clamp_min(0)[:, None]
    gradient_CV = logits_CV.softmax(-1)
    # log sum exp = largest logit - log of its probability. The likeliest token has a probability of at least 1 / V, so
    # no precision is lost, and the exponentials of softmax need not be computed a second time.
    log_sums_C = logits_CV.amax(-1) - gradient_CV.amax(-1).log()
    ignored_C = targets_C < 0
    total = (log_sums_C - logits_CV.gather(1, target_ids_C1)[:, 0]).masked_fill(ignored_C, 0.0).sum()
    # The gradient of a cross entropy by its logits: softmax - one-hot.
    gradient_CV.scatter_add_(1, target_ids_C1, gradient_CV.new_full(target_ids_C1.shape, -1.0))
    gradient_CV[ignored_C] = 0.0
    return total, gradient_CV


def score_logits_fused(logits_CV: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
    """Score logits as `score_logits_in_place` does, in a form that torch.compile turns into a few kernels.

    Nothing is done in place, and the gradient has the dtype of the logits.
    """
    log_probabilities_CV = logits_CV.float().log_softmax(-1)
    counted_C = (targets_C >= 0).float()
    target_ids_C1 = targets_C.clamp_min(0)[:, None]
    total = -(log_probabilities_CV.gather(1, target_ids_C1)[:, 0] * counted_C).sum()
    # A comparison instead of a scatter: elementwise, and so fused with the rest.
    is_target_CV = torch.arange(logits_CV.size(1), device=logits_CV.device) == target_ids_C1
    gradient_CV = (log_probabilities_CV.exp() - is_target_CV.float()) * counted_C[:, None]
    return total, gradient_CV.to(logits_CV.dtype)


@functools.cache
def _compile_fused() -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return torch.compile(score_logits_fused)


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes gradients in the forward pass, chunk by chunk, while the chunk's probabilities are in memory."""

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
        # Under no_grad, as in validation, only the loss is computed.
        needs_gradients = any(ctx.needs_input_grad)
        chunk_size, score = choose_chunk_size(weight_VD), _compile_fused() if compiled else score_logits_in_place
        hidden, weight = hidden_ND.to(dtype), weight_VD.to(dtype)
        hidden_gradient = torch.empty_like(hidden) if needs_gradients else None
        weight_gradient = torch.zeros_like(weight_VD) if needs_gradients else None
        bias_gradient = torch.zeros_like(bias_V) if needs_gradients and bias_V is not None else None
        # float32 also with bf16 states: a sum over thousands of tokens needs the digits.
        total = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, len(hidden), chunk_size):
            hidden_CD, targets_C = hidden[start : start + chunk_size], targets_N[start : start + chunk_size]
            logits_CV = hidden_CD @ weight.T
            if bias_V is not None:
                logits_CV += bias_V.to(dtype)
            chunk_total, gradient_CV = score(logits_CV, targets_C)
            total += chunk_total
            if hidden_gradient is None or weight_gradient is None:
                continue
            cast_gradient_CV = gradient_CV.to(dtype)
            torch.mm(cast_gradient_CV, weight, out=hidden_gradient[start : start + chunk_size])
            # addmm_ adds in place without a temporary, but needs equal dtypes; the weight's gradient stays in the
            # weight's own, so that sums over chunks lose nothing to bf16.
            if dtype == weight_gradient.dtype:
                weight_gradient.addmm_(cast_gradient_CV.T, hidden_CD)
            else:
                weight_gradient += cast_gradient_CV.T @ hidden_CD
            if bias_gradient is not None:
                bias_gradient += gradient_CV.sum(0, dtype=bias_gradient.dtype)
        # As an attribute and not by save_for_backward: these are results of the forward pass, and `backward` changes
        # them in place.
        ctx.gradients = hidden_gradient, weight_gradient, bias_gradient
        ctx.hidden_dtype = hidden_ND.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias = ctx.gradients
        ctx.gradients = None  # frees them as soon as they are returned
        (gradient,) = gradients
        return (
            # The chain rule: the loss is a scalar, so its gradient is one number that scales everything.
            hidden.mul_(gradient).to(ctx.hidden_dtype),
            weight.mul_(gradient),
            None if bias is None else bias.mul_(gradient),
            None,
            None,
            None,
        )


_cross_entropy: Callable[..., Tensor] = _LinearCrossEntropy.apply


def linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, *, compiled: bool = False
) -> Tensor:
    """Return the sum over N of the cross entropy of `hidden @ weight.T + bias`; negative targets are ignored.

    Has the value of `F.cross_entropy(F.linear(...), reduction="sum", ignore_index=-1)`, with V × chunk instead of V × N
    logits in memory. `compiled` uses torch.compile.
    """
    kind = hidden_ND.device.type
    # Autocast is off inside, and the Function casts to its dtype by itself: the weight once, and not for each chunk.
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
    with torch.autocast(kind, enabled=False):
        return _cross_entropy(hidden_ND, weight_VD, bias_V, targets_N, dtype, compiled)
