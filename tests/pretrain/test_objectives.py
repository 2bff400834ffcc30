"""What every objective of the folder must keep."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.block import discover_blocks
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.data.randomness import Int64s, Randomness
from tasks.pretrain.data.rows import PackedRows, Rows
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.objectives import Objective
from tests.pretrain.conftest import small

KINDS = sorted(discover_blocks(Objective))
FAMILIES = {"both": "bert", "left": "gpt2", "pairs": "t5"}
SLOTS = np.arange(8)


def objective_of(kind: str) -> Objective:
    return discover_blocks(Objective)[kind]()


def part_of(rows: Rows, part: slice) -> Rows:
    assert rows.sentences is not None
    parts = (each[part] for each in (rows.tokens, rows.positions, rows.documents))
    return Rows(*parts, rows.vocabulary, rows.sentences[part])


def tensors(kind: str, rows: Rows, slots: Int64s = SLOTS) -> dict[str, torch.Tensor]:
    arrays = objective_of(kind).make(rows, Randomness(0, slots))
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedRows([tokens / "train"], vocabulary, 32, start=2, sentences=True).at(SLOTS, seed=0)


def learner_of(kind: str, rows: Rows) -> Learner:
    objective = objective_of(kind)
    family = "electra" if kind == "replaced_token_detection" else FAMILIES[objective.reads]
    settings = small(objective={"kind": kind}, family=family).architecture
    model = PackedModel(settings.build(rows.vocabulary, seed=0), settings.reads)
    return objective.learner(model, rows.vocabulary, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is_and_survives_json(kind: str) -> None:
    objective = discover_blocks(Objective)[kind]
    assert objective.__doc__
    assert objective.model_validate_json(objective().model_dump_json()) == objective()


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_gives_one_batch(kind: str, rows: Rows) -> None:
    before = rows.tokens.copy()
    one, two = tensors(kind, rows), tensors(kind, rows)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert np.array_equal(before, rows.tokens), "the rows belong to the caller"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_depend_on_the_others_of_their_batch(kind: str, rows: Rows) -> None:
    whole = objective_of(kind).make(rows, Randomness(0, SLOTS))
    half = objective_of(kind).make(part_of(rows, slice(4, 8)), Randomness(0, SLOTS[4:]))
    assert whole.keys() == half.keys()
    for name, array in half.items():
        mine = len(half.get(name.partition(".")[0] + ".tokens", rows.tokens[4:]))  # rows of a part of a mixture
        shift = mine * 32 if name.endswith("places") else 0  # they count from the batch's first row
        assert np.array_equal(array.reshape(mine, -1) + shift, whole[name].reshape(2 * mine, -1)[mine:]), name


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_do_not_depend_on_the_text(kind: str, rows: Rows) -> None:
    nothing = np.zeros_like(rows.tokens)
    bare = Rows(nothing, nothing, nothing - 1, rows.vocabulary, nothing.astype(bool))
    full, empty = tensors(kind, rows), tensors(kind, bare)
    assert {name: array.shape for name, array in full.items()} == {name: array.shape for name, array in empty.items()}
    total, count = objective_of(kind).loss(learner_of(kind, rows), empty)
    assert torch.isfinite(total)
    assert count == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_finite_and_every_trained_parameter_gets_a_gradient(kind: str, rows: Rows) -> None:
    learner = learner_of(kind, rows)
    total, count = objective_of(kind).loss(learner, tensors(kind, rows))
    total.backward()
    assert torch.isfinite(total)
    assert count > 0
    for name, parameter in learner.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or parameter.grad.ne(0).any(), name


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_on_one_batch_lower_the_loss(kind: str, rows: Rows) -> None:
    learner, batch = learner_of(kind, rows), tensors(kind, rows)
    trained = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    losses = []
    for _ in range(11):
        total, count = objective_of(kind).loss(learner, batch)
        losses.append(total.item() / count.item())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        objective_of(kind).undone(learner)  # the same batch again must mean the same
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_opens_with_transformers(kind: str, rows: Rows, tmp_path: Path) -> None:
    objective, learner = objective_of(kind), learner_of(kind, rows)
    module = objective.exported(learner)
    module.save_pretrained(tmp_path)
    opened = type(module).from_pretrained(tmp_path)
    assert opened.state_dict().keys() >= module.state_dict().keys()  # BERT may add a pooler that no objective trains
