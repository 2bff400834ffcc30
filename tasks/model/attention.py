"""Attention within the documents of packed rows by FlashAttention's kernels: no mask, no work between documents.

Shape suffixes: B rows, H heads, T positions, D size of a head.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PreTrainedModel

VARLEN_ATTENTION = "textmill_varlen"
# The others attend within a local window (ModernBERT), or add a bias that the kernels do not support (T5).
VARLEN_FAMILIES = ("bert", "roberta", "electra", "gpt2", "llama", "qwen2", "qwen3")
# torch 2.10 has is_causal instead of window_size.
HAS_WINDOW = "window_size" in inspect.signature(varlen_attn).parameters
CAUSAL_ARGUMENTS: dict[str, Any] = {"window_size": (-1, 0)} if HAS_WINDOW else {"is_causal": True}


def enable_varlen_attention(model: PreTrainedModel) -> bool:
    """Switch a model to variable-length attention if its family supports it; return whether it was switched."""
    if model.config.model_type not in VARLEN_FAMILIES:
        return False
    AttentionInterface.register(VARLEN_ATTENTION, _attend)
    model.set_attn_implementation(VARLEN_ATTENTION)
    return True


def find_document_boundaries(documents_BT: Tensor) -> Tensor:
    """Return the offset of each document in all rows laid end to end, and the end of the last: (documents + 1,), int32.

    Padding is a document of its own.
    """
    is_start_BT = torch.ones_like(documents_BT, dtype=torch.bool)
    # Column 0 stays True: a document never reaches over the end of a row, although the rows are laid end to end.
    is_start_BT[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    starts = is_start_BT.flatten().nonzero()[:, 0]
    # The kernels want int32 offsets; `nonzero` gives int64.
    return functional.pad(starts, (0, 1), value=documents_BT.numel()).int()


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
    """Attend in one layer of transformers; `cu_seq_lens_q` are the document boundaries.

    Returns the states (B, T, H, D) and no attention weights.
    """
    # transformers hands over fewer keys than queries for grouped-query attention, and the kernels are called with
    # equally many.
    heads_per_key = query_BHTD.size(1) // key_BHTD.size(1)
    if heads_per_key > 1:
        key_BHTD, value_BHTD = (tensor.repeat_interleave(heads_per_key, dim=1) for tensor in (key_BHTD, value_BHTD))
    # (B, H, T, D) to (B × T, H, D), the packed layout in which the boundaries are counted. The mask is unused:
    # documents are separated by the boundaries alone.
    flat = [tensor.transpose(1, 2).flatten(0, 1) for tensor in (query_BHTD, key_BHTD, value_BHTD)]
    # Queries and keys have the same boundaries. The length of a row is an upper bound of the longest document, and
    # needs no wait for the GPU.
    ends = (cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q)
    attend: Any = varlen_attn
    output: Tensor = attend(*flat, *ends, scale=scaling, **(CAUSAL_ARGUMENTS if module.is_causal else {}))
    return output.view(query_BHTD.size(0), -1, *output.shape[1:]), None
