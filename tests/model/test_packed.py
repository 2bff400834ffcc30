"""The leak test: what stands in one document of a packed row must not move another's loss by a single bit."""

import pytest
import torch
from torch import Tensor

from tasks.model.architecture import Architecture
from tasks.model.packed import PackedModel, document_mask
from tasks.model.vocabulary import Vocabulary

VOCABULARY = Vocabulary(size=60, pad=0, start=2, end=3, mask=4)
# documents of 5, 4, 1 and 3 tokens, and padding
DOCUMENTS = torch.tensor([[0] * 5 + [1] * 4 + [2] + [3] * 3 + [-1] * 3])
POSITIONS = torch.tensor([[*range(5), *range(4), 0, *range(3), 0, 0, 0]])


def model_of(family: str) -> PackedModel:
    settings = Architecture(family=family, size="tiny", context=16)
    return PackedModel(settings.build(VOCABULARY, seed=0), causal=settings.causal)


def row(seed: int) -> Tensor:
    return torch.randint(5, 60, (1, 16), generator=torch.Generator().manual_seed(seed))


def loss_of(model: PackedModel, tokens: Tensor, document: int, documents: Tensor = DOCUMENTS) -> Tensor:
    hidden = model.hidden({"tokens": tokens, "positions": POSITIONS, "documents": documents})
    chosen = DOCUMENTS[0] == document
    return model.token_loss(hidden[0, chosen], tokens[0, chosen])


@pytest.mark.parametrize("family", ["bert", "gpt2"])
@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_changing_one_document_moves_no_other_by_one_bit(family: str, changed: int) -> None:
    model = model_of(family)
    before = row(0)
    after = torch.where(changed == DOCUMENTS, row(1), before)
    for document in range(4):
        same = torch.equal(loss_of(model, before, document), loss_of(model, after, document))
        assert same == (document != changed)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_without_the_documents_they_would_leak(family: str) -> None:
    model = model_of(family)
    before = row(0)
    after = torch.where(DOCUMENTS == 0, row(1), before)
    one = torch.zeros_like(DOCUMENTS)
    assert not torch.equal(loss_of(model, before, 1, one), loss_of(model, after, 1, one))


def test_a_causal_model_does_not_see_what_comes_later() -> None:
    model = model_of("gpt2")
    before, after = row(0), row(0)
    after[0, 4] = 5 if after[0, 4] != 5 else 6  # the last token of the first document
    hidden = [
        model.hidden({"tokens": tokens, "positions": POSITIONS, "documents": DOCUMENTS}) for tokens in (before, after)
    ]
    assert torch.equal(hidden[0][0, :4], hidden[1][0, :4])
    assert not torch.equal(hidden[0][0, 4], hidden[1][0, 4])


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_packed_document_reads_as_if_it_stood_alone(family: str) -> None:
    model = model_of(family)
    tokens = row(0)
    packed = model.hidden({"tokens": tokens, "positions": POSITIONS, "documents": DOCUMENTS})[0, 5:9]
    alone = model.module.base_model(tokens[:, 5:9]).last_hidden_state[0]
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-5)


def test_padding_is_a_document_of_its_own_so_that_nothing_is_nan() -> None:
    mask = document_mask(DOCUMENTS, causal=True)
    assert mask.shape == (1, 1, 16, 16)
    assert mask.any(-1).all()
