"""Attention by boundaries, with the kernel of GPUs replaced by one that loops over documents."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel

from tasks.model import attention
from tasks.model.architecture import MODEL_KINDS, Architecture
from tasks.model.families import build_model
from tasks.model.hardware import Hardware
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary

GPU = Hardware("cpu", "fp32", 1, attention="varlen")
# two rows: documents of 5, 4 and 3 tokens, then padding; one document
DOCUMENTS = torch.tensor([[0] * 5 + [1] * 4 + [2] * 3 + [-1] * 2, [0] * 14])
POSITIONS = torch.tensor([[*range(5), *range(4), *range(3), 0, 0], [*range(14)]])
TOKENS = torch.randint(5, 60, (2, 14), generator=torch.Generator().manual_seed(0))
BATCH = {"tokens": TOKENS, "positions": POSITIONS, "documents": DOCUMENTS}


def attend_in_a_loop(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, *_: Any, scale: float | None, **way: Any
) -> Tensor:
    """Compute what the kernel does, in a loop: takes and returns positions × heads × head size."""
    causal = way.get("window_size", (-1, -1))[1] == 0
    parts = []
    for begin, end in zip(ends.tolist(), ends.tolist()[1:], strict=False):
        one = [tensor[begin:end].transpose(0, 1) for tensor in (query, key, value)]
        output = functional.scaled_dot_product_attention(*one, is_causal=causal, scale=scale)
        parts.append(output.transpose(0, 1))
    return torch.cat(parts)


def build_packed_model(family: str) -> PackedModel:
    settings = Architecture(family=family, size="tiny", max_length=16)  # type: ignore[arg-type]
    return PackedModel(
        build_model(settings, Vocabulary(size=60, pad=0, start=2, end=3, mask=4), seed=0), settings.model_kind
    )


def test_boundaries_are_the_ends_of_documents_over_all_rows() -> None:
    assert attention.find_document_boundaries(DOCUMENTS).tolist() == [0, 5, 9, 12, 14, 28]
    assert attention.find_document_boundaries(DOCUMENTS).dtype == torch.int32


@pytest.mark.parametrize("family", [family for family, reads in MODEL_KINDS.items() if reads != "encoder_decoder"])
def test_states_are_those_under_a_mask(monkeypatch: pytest.MonkeyPatch, family: str, tmp_path: Path) -> None:
    monkeypatch.setattr(attention, "varlen_attn", attend_in_a_loop)
    model, text = build_packed_model(family), DOCUMENTS >= 0
    expected = model.compute_hidden(BATCH)[text]
    model.configure_for(GPU)
    torch.testing.assert_close(model.compute_hidden(BATCH)[text], expected, atol=1e-5, rtol=1e-5)
    model.module.save_pretrained(tmp_path)
    assert attention.VARLEN_ATTENTION not in (tmp_path / "config.json").read_text()
    opened = AutoModel.from_pretrained(tmp_path)
    assert opened.config._attn_implementation == "sdpa"


def test_heads_that_share_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "varlen_attn", attend_in_a_loop)
    settings = Architecture(family="llama", size="tiny", max_length=16)
    module = build_model(settings, Vocabulary(size=60, pad=0), seed=0)
    module.config.num_key_value_heads = 1
    shared = PackedModel(type(module)(module.config), "decoder")
    expected = shared.compute_hidden(BATCH)[DOCUMENTS >= 0]
    shared.configure_for(GPU)
    torch.testing.assert_close(shared.compute_hidden(BATCH)[DOCUMENTS >= 0], expected, atol=1e-5, rtol=1e-5)


def test_a_family_that_cannot_keeps_its_mask() -> None:
    for family in ("t5", "bart", "modernbert"):
        assert not attention.enable_varlen_attention(build_packed_model(family).module)
