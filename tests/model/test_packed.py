"""The leak test: what stands in one document of a packed row must not move another's loss by a single bit."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from tasks.errors import StageFailure
from tasks.model.architecture import MODEL_KINDS, Architecture, Family
from tasks.model.families import build_electra_generator, build_model
from tasks.model.packed import PackedModel, make_document_mask, make_source_mask
from tasks.model.vocabulary import Vocabulary

VOCABULARY = Vocabulary(size=60, pad=0, start=2, end=3, mask=4)
# documents of 5, 4, 1 and 3 tokens, and padding
DOCUMENTS = torch.tensor([[0] * 5 + [1] * 4 + [2] + [3] * 3 + [-1] * 3])
POSITIONS = torch.tensor([[*range(5), *range(4), 0, *range(3), 0, 0, 0]])
# their targets have 2, 3, 1 and 2 tokens
TARGETS = torch.tensor([[0] * 2 + [1] * 3 + [2] + [3] * 2 + [-1] * 2])
TARGET_POSITIONS = torch.tensor([[0, 1, 0, 1, 2, 0, 0, 1, 0, 0]])
FAMILIES = get_args(Family)
SINGLE = [family for family in FAMILIES if MODEL_KINDS[family] != "encoder_decoder"]
PAIRS = [family for family in FAMILIES if MODEL_KINDS[family] == "encoder_decoder"]


def build_packed_model(family: str, context: int = 16) -> PackedModel:
    settings = Architecture(family=family, size="tiny", max_length=context)
    module = build_model(settings, VOCABULARY, seed=0)
    return PackedModel(build_electra_generator(module, 0.5, 0) if family == "electra" else module, settings.model_kind)


def make_row(seed: int, length: int = 16) -> Tensor:
    return torch.randint(5, 60, (1, length), generator=torch.Generator().manual_seed(seed))


def make_batch(tokens: Tensor, targets: Tensor, *, separate: bool = True) -> dict[str, Tensor]:
    return {
        "tokens": tokens,
        "positions": POSITIONS,
        "documents": DOCUMENTS if separate else torch.zeros_like(DOCUMENTS),
        "targets": targets,
        "decoder_positions": TARGET_POSITIONS,
        "decoder_documents": TARGETS if separate else torch.zeros_like(TARGETS),
    }


def compute_loss(
    model: PackedModel, tokens: Tensor, targets: Tensor, document: int, *, separate: bool = True
) -> Tensor:
    hidden = model.compute_hidden(make_batch(tokens, targets, separate=separate))
    documents, predicted = (TARGETS, targets) if model.model_kind == "encoder_decoder" else (DOCUMENTS, tokens)
    chosen = documents[0] == document
    return model.compute_token_loss(hidden[0, chosen], predicted[0, chosen])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_changing_one_document_moves_no_other_by_one_bit(family: str, changed: int) -> None:
    model = build_packed_model(family)
    tokens, targets = make_row(0), make_row(1, 10)
    other = (
        torch.where(changed == DOCUMENTS, make_row(2), tokens),
        torch.where(changed == TARGETS, make_row(3, 10), targets),
    )
    for document in range(4):
        same = torch.equal(compute_loss(model, tokens, targets, document), compute_loss(model, *other, document))
        assert same == (document != changed)


@pytest.mark.parametrize("family", PAIRS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_each_side_of_a_pair_reaches_its_own_document_only(family: str, side: str) -> None:
    model = build_packed_model(family)
    tokens, targets = make_row(0), make_row(1, 10)
    if side == "source":
        other = torch.where(DOCUMENTS == 1, make_row(2), tokens), targets
    else:
        other = tokens, torch.where(TARGETS == 1, make_row(3, 10), targets)
    moved = [
        document
        for document in range(4)
        if not torch.equal(compute_loss(model, tokens, targets, document), compute_loss(model, *other, document))
    ]
    assert moved == [1]


@pytest.mark.parametrize("family", FAMILIES)
def test_without_the_documents_they_would_leak(family: str) -> None:
    model = build_packed_model(family)
    tokens, targets = make_row(0), make_row(1, 10)
    other = torch.where(DOCUMENTS == 0, make_row(2), tokens), targets
    before = compute_loss(model, tokens, targets, 1, separate=False)
    assert not torch.equal(before, compute_loss(model, *other, 1, separate=False))


@pytest.mark.parametrize("family", ["gpt2", "llama", *PAIRS])
def test_predictions_from_the_left_do_not_depend_on_later_tokens(family: str) -> None:
    model = build_packed_model(family)
    tokens, targets = make_row(0), make_row(1, 10)
    before = model.compute_hidden(make_batch(tokens, targets))
    pairs = model.model_kind == "encoder_decoder"
    position, unchanged = (3, 4) if pairs else (6, 6)  # an encoder–decoder reads its targets shifted by one
    changed = (targets if pairs else tokens).clone()
    changed[0, position] = 5 if changed[0, position] != 5 else 6
    after = model.compute_hidden(make_batch(tokens, changed) if pairs else make_batch(changed, targets))
    assert torch.equal(before[0, :unchanged], after[0, :unchanged])
    assert not torch.equal(before[0, unchanged], after[0, unchanged])


@pytest.mark.parametrize("family", SINGLE)
def test_a_packed_document_reads_as_if_it_stood_alone(family: str) -> None:
    model = build_packed_model(family)
    tokens = make_row(0)
    packed = model.compute_hidden(make_batch(tokens, make_row(1, 10)))[0, 5:9]
    alone = model.module.base_model(tokens[:, 5:9]).last_hidden_state[0]
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", PAIRS)
def test_a_packed_pair_reads_as_if_it_stood_alone(family: str) -> None:
    model = build_packed_model(family)
    tokens, targets = make_row(0), make_row(1, 10)
    packed = model.compute_hidden(make_batch(tokens, targets))[0, 2:5]
    alone = model.module(input_ids=tokens[:, 5:9], labels=targets[:, 2:5])
    logits = torch.nn.functional.linear(model.transform(packed), model.head.weight)
    torch.testing.assert_close(logits, alone.logits[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", SINGLE)
def test_token_loss_is_that_of_the_models_own_logits(family: str) -> None:
    model = build_packed_model(family)
    tokens = make_row(0)
    one_document = {"tokens": tokens, "positions": torch.arange(16)[None], "documents": torch.zeros_like(tokens)}
    ours = model.compute_token_loss(model.compute_hidden(one_document)[0], tokens[0])
    theirs = torch.nn.functional.cross_entropy(model.module(tokens).logits[0], tokens[0], reduction="sum")
    torch.testing.assert_close(ours, theirs)


def test_a_bias_that_bart_was_given_counts() -> None:
    module = build_packed_model("bart").module
    module.final_logits_bias[0, 7] = 3.0
    model, targets = PackedModel(module, "encoder_decoder"), make_row(1, 4)
    given = {
        "tokens": make_row(0),
        "positions": torch.arange(16)[None],
        "documents": torch.zeros(1, 16, dtype=torch.long),
    }
    given |= {"targets": targets, "decoder_positions": torch.arange(4)[None]}
    given["decoder_documents"] = torch.zeros_like(targets)
    ours = model.compute_token_loss(model.compute_hidden(given)[0], targets[0])
    torch.testing.assert_close(ours / 4, module(input_ids=make_row(0), labels=targets).loss)


def test_local_layers_of_modernbert_look_as_far_as_the_stock_ones() -> None:
    model = build_packed_model("modernbert", context=160)
    tokens = make_row(0, 160)
    whole = {"tokens": tokens, "positions": torch.arange(160)[None], "documents": torch.zeros_like(tokens)}
    stock = model.module.base_model(tokens).last_hidden_state
    torch.testing.assert_close(model.compute_hidden(whole), stock, atol=1e-5, rtol=1e-5)
    # and in a packed row the window does not reach into the next document
    halves = {
        **whole,
        "positions": torch.arange(160)[None] % 80,
        "documents": (torch.arange(160)[None] >= 80).long(),
    }
    second = model.module.base_model(tokens[:, 80:]).last_hidden_state
    torch.testing.assert_close(model.compute_hidden(halves)[:, 80:], second, atol=1e-5, rtol=1e-5)


def test_token_types_reach_bert() -> None:
    model = build_packed_model("bert")
    given = make_batch(make_row(0), make_row(1, 10))
    types = torch.where(POSITIONS >= 2, 1, 0)
    assert torch.equal(model.compute_hidden(given), model.compute_hidden({**given, "types": torch.zeros_like(types)}))
    assert not torch.equal(model.compute_hidden(given), model.compute_hidden({**given, "types": types}))


def test_a_model_that_predicts_no_tokens_says_so() -> None:
    settings = Architecture(family="electra", size="tiny", max_length=16)
    model = PackedModel(build_model(settings, VOCABULARY, seed=0), settings.model_kind)
    with pytest.raises(StageFailure, match="predicts none"):
        compute_loss(model, make_row(0), make_row(1, 10), 0)


def test_padding_is_a_document_of_its_own_so_that_nothing_is_nan() -> None:
    mask = make_document_mask(DOCUMENTS, causal=True)
    assert mask.shape == (1, 1, 16, 16)
    assert mask.any(-1).all()
    mask = make_source_mask(TARGETS, torch.zeros_like(DOCUMENTS))  # a source without padding
    assert mask.shape == (1, 1, 10, 16)
    assert mask[0, 0, -2:].all()
