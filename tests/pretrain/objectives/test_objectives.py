"""What every objective of the folder must keep."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.block import discover_blocks
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.data.randomness import Int64s, Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.learners.learner import Learner
from tasks.pretrain.objectives import Objective
from tests.pretrain.conftest import small

KINDS = sorted(discover_blocks(Objective))
FAMILIES = {"encoder": "bert", "decoder": "gpt2", "encoder_decoder": "t5"}
SAMPLES = np.arange(8)


def default_objective(kind: str) -> Objective:
    return discover_blocks(Objective)[kind]()


def slice_rows(rows: Rows, part: slice) -> Rows:
    assert rows.sentences is not None
    parts = (each[part] for each in (rows.tokens, rows.positions, rows.documents))
    return Rows(*parts, rows.vocabulary, rows.sentences[part])


def make_tensors(kind: str, rows: Rows, slots: Int64s = SAMPLES) -> dict[str, torch.Tensor]:
    arrays = default_objective(kind).make_batch(rows, Randomness(0, slots))
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedDataset([tokens / "train"], vocabulary, 32, start=2, sentences=True).read_samples(SAMPLES, seed=0)


def build_learner(kind: str, rows: Rows) -> Learner:
    objective = default_objective(kind)
    family = "electra" if kind == "replaced_token_detection" else FAMILIES[objective.model_kind]
    settings = small(objective={"kind": kind}, family=family).architecture
    model = PackedModel(build_model(settings, rows.vocabulary, seed=0), settings.model_kind)
    return objective.build_learner(model, rows.vocabulary, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is_and_survives_json(kind: str) -> None:
    objective = discover_blocks(Objective)[kind]
    assert objective.__doc__
    assert objective.model_validate_json(objective().model_dump_json()) == objective()


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_gives_one_batch(kind: str, rows: Rows) -> None:
    before = rows.tokens.copy()
    one, two = make_tensors(kind, rows), make_tensors(kind, rows)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert np.array_equal(before, rows.tokens), "the rows belong to the caller"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_depend_on_the_others_of_their_batch(kind: str, rows: Rows) -> None:
    whole = default_objective(kind).make_batch(rows, Randomness(0, SAMPLES))
    half = default_objective(kind).make_batch(slice_rows(rows, slice(4, 8)), Randomness(0, SAMPLES[4:]))
    assert whole.keys() == half.keys()
    for name, array in half.items():
        mine = len(half.get(name.partition(".")[0] + ".tokens", rows.tokens[4:]))  # rows of a part of a mixture
        shift = mine * 32 if name.endswith("_indices") else 0  # they count from the batch's first row
        assert np.array_equal(array.reshape(mine, -1) + shift, whole[name].reshape(2 * mine, -1)[mine:]), name


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_do_not_depend_on_the_text(kind: str, rows: Rows) -> None:
    nothing = np.zeros_like(rows.tokens)
    bare = Rows(nothing, nothing, nothing - 1, rows.vocabulary, nothing.astype(bool))
    full, empty = make_tensors(kind, rows), make_tensors(kind, bare)
    assert {name: array.shape for name, array in full.items()} == {name: array.shape for name, array in empty.items()}
    total, count = default_objective(kind).compute_loss(build_learner(kind, rows), empty)
    assert torch.isfinite(total)
    assert count == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_finite_and_every_trained_parameter_gets_a_gradient(kind: str, rows: Rows) -> None:
    learner = build_learner(kind, rows)
    total, count = default_objective(kind).compute_loss(learner, make_tensors(kind, rows))
    total.backward()
    assert torch.isfinite(total)
    assert count > 0
    for name, parameter in learner.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or parameter.grad.ne(0).any(), name


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps_on_one_batch_lower_the_loss(kind: str, rows: Rows) -> None:
    learner, batch = build_learner(kind, rows), make_tensors(kind, rows)
    trained = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    losses = []
    for _ in range(11):
        total, count = default_objective(kind).compute_loss(learner, batch)
        losses.append(total.item() / count.item())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        default_objective(kind).after_skipped_step(learner)  # the same batch again must mean the same
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_opens_with_transformers(kind: str, rows: Rows, tmp_path: Path) -> None:
    objective, learner = default_objective(kind), build_learner(kind, rows)
    module = objective.export_model(learner)
    module.save_pretrained(tmp_path)
    opened = type(module).from_pretrained(tmp_path)
    assert opened.state_dict().keys() >= module.state_dict().keys()  # BERT may add a pooler that no objective trains
