"""Attention within the documents of packed rows by FlashAttention's kernels: no mask, no work between documents.

Shape suffixes: B rows, H heads, T places, D width of a head.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PreTrainedModel

NAME = "textmill_varlen"
# the others look at neighbours only (ModernBERT), or add to the attention what the kernels cannot (T5)
FAMILIES = ("bert", "roberta", "electra", "gpt2", "llama", "qwen2", "qwen3")
# torch 2.10 called it is_causal
HAS_WINDOW = "window_size" in inspect.signature(varlen_attn).parameters
CAUSAL: dict[str, Any] = {"window_size": (-1, 0)} if HAS_WINDOW else {"is_causal": True}


def use_varlen(model: PreTrainedModel) -> bool:
    """Let a model attend in this way from now on, if its family can. Whether it does."""
    if model.config.model_type not in FAMILIES:
        return False
    AttentionInterface.register(NAME, _attend)
    model.set_attn_implementation(NAME)
    return True


def boundaries(documents_BT: Tensor) -> Tensor:
    """First places of the documents of all rows laid end to end, and the end of the last: (documents + 1,) of int32.

    Padding is a document of its own.
    """
    begins_BT = torch.ones_like(documents_BT, dtype=torch.bool)
    begins_BT[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    firsts = begins_BT.flatten().nonzero()[:, 0]
    return functional.pad(firsts, (0, 1), value=documents_BT.numel()).int()


def _attend(
    module: nn.Module,
    query_BHTD: Tensor,
    key_BHTD: Tensor,
    value_BHTD: Tensor,
    _mask: Tensor | None,
    *,
    cu_seq_lens_q: Tensor,
    max_length_q: int,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in each layer; `cu_seq_lens_q` are the boundaries. Returns (B, T, H, D), no weights."""
    groups = query_BHTD.size(1) // key_BHTD.size(1)
    if groups > 1:  # several heads share a key
        key_BHTD, value_BHTD = (each.repeat_interleave(groups, dim=1) for each in (key_BHTD, value_BHTD))
    flat = [each.transpose(1, 2).flatten(0, 1) for each in (query_BHTD, key_BHTD, value_BHTD)]
    ends = (cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q)
    attend: Any = varlen_attn
    found: Tensor = attend(*flat, *ends, scale=scaling, **(CAUSAL if module.is_causal else {}))
    return found.view(query_BHTD.size(0), -1, *found.shape[1:]), None
