"""What every objective of the folder must keep, and what each is by its paper."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.block import members
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.objectives import IGNORED, Objective
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.randomness import Randomness
from tasks.pretrain.rows import PackedRows, Rows

from .conftest import small

KINDS = sorted(members(Objective))
SLOTS = np.arange(8)


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    return PackedRows([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, start=2).at(SLOTS, seed=0)


def batch_of(kind: str, rows: Rows, seed: int = 0) -> dict[str, torch.Tensor]:
    arrays = members(Objective)[kind]().make(rows, Randomness(seed, SLOTS))
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def model_of(kind: str, rows: Rows) -> PackedModel:
    settings = small(family="gpt2" if members(Objective)[kind].causal else "bert").architecture
    return PackedModel(settings.build(rows.vocabulary, seed=0), causal=settings.causal)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is_and_survives_json(kind: str) -> None:
    objective = members(Objective)[kind]
    assert objective.__doc__
    assert objective.model_validate_json(objective().model_dump_json()) == objective()


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_gives_one_batch(kind: str, rows: Rows) -> None:
    before = rows.tokens.copy()
    one, two = batch_of(kind, rows), batch_of(kind, rows)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert np.array_equal(before, rows.tokens), "the rows belong to the caller"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_depend_on_the_others_of_their_batch(kind: str, rows: Rows) -> None:
    objective = members(Objective)[kind]()
    whole = objective.make(rows, Randomness(0, SLOTS))
    half = Rows(rows.tokens[4:], rows.positions[4:], rows.documents[4:], rows.vocabulary)
    part = objective.make(half, Randomness(0, SLOTS[4:]))
    assert np.array_equal(part["tokens"], whole["tokens"][4:])
    assert np.array_equal(part["targets"], whole["targets"].reshape(8, -1)[4:].reshape(part["targets"].shape))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_finite_and_every_parameter_gets_a_gradient(kind: str, rows: Rows) -> None:
    model = model_of(kind, rows)
    total, count = members(Objective)[kind]().loss(model, batch_of(kind, rows))
    total.backward()
    assert torch.isfinite(total)
    # from random weights every token of 500 is about as likely
    assert total.item() / count.item() == pytest.approx(np.log(500), rel=0.05)
    for name, parameter in model.module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.ne(0).any(), name


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_on_one_batch_lower_the_loss(kind: str, rows: Rows) -> None:
    model, batch = model_of(kind, rows), batch_of(kind, rows)
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=1e-2)
    losses = []
    for _ in range(11):
        total, count = members(Objective)[kind]().loss(model, batch)
        losses.append(total.item() / count.item())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 1


def test_causal_targets_are_the_next_tokens_of_the_same_document(rows: Rows) -> None:
    targets = batch_of("causal", rows)["targets"].numpy()
    for row, place in np.ndindex(rows.tokens.shape):
        next_place = min(place + 1, 31)
        same = place < 31 and rows.documents[row, place] == rows.documents[row, next_place] != -1
        assert targets[row, place] == (rows.tokens[row, next_place] if same else IGNORED)


def test_masked_hides_a_fixed_number_a_row_and_never_special_tokens(rows: Rows) -> None:
    batch = batch_of("masked", rows)
    places, targets = batch["places"].numpy().reshape(8, -1), batch["targets"].numpy().reshape(8, -1)
    assert places.shape == (8, 5)  # 0.15 × 32
    for row in range(8):
        within = places[row] - row * 32
        assert len(set(within.tolist())) == 5
        assert ((within >= 0) & (within < 32)).all()
        assert np.array_equal(targets[row], rows.tokens[row, within])
    assert targets.min() >= rows.vocabulary.num_special
    untouched = np.ones(rows.tokens.size, dtype=bool)
    untouched[places.ravel()] = False
    assert np.array_equal(batch["tokens"].numpy().ravel()[untouched], rows.tokens.ravel()[untouched])


def test_masked_rows_with_little_text_have_empty_slots(rows: Rows) -> None:
    documents = np.full_like(rows.documents, -1)
    documents[:, :3] = 0
    bare = Rows(np.where(documents < 0, 0, 9), rows.positions, documents, rows.vocabulary)
    targets = Masked().make(bare, Randomness(0, SLOTS))["targets"].reshape(8, -1)
    assert ((targets == 9).sum(1) == 3).all()
    assert ((targets == IGNORED).sum(1) == 2).all()


def test_masked_shares_are_those_of_the_paper() -> None:
    from tasks.model.vocabulary import Vocabulary

    shape = (400, 100)
    words = Vocabulary(size=1000, pad=0, start=2, end=3, mask=4)
    tokens = np.full(shape, 9)
    rows = Rows(tokens, np.zeros_like(tokens), np.zeros_like(tokens), words)
    batch = Masked(rate=0.2).make(rows, Randomness(0, np.arange(400)))
    shown = batch["tokens"].ravel()[batch["places"]]
    assert len(shown) == 400 * 20
    assert (shown == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (shown == 9).mean() == pytest.approx(0.1, abs=0.015)
    swapped = shown[(shown != 4) & (shown != 9)]
    assert swapped.min() >= words.num_special
    assert len(np.unique(swapped)) > 400
    other = Masked(rate=0.2).make(rows, Randomness(0, np.arange(400, 800)))
    assert not np.array_equal(other["places"], batch["places"])


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not exceed 1"):
        Masked(masked=0.8, swapped=0.3)
