"""Several objectives in one run, each for a part of the rows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.mixture import Mixture, MixtureWeights
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SAMPLES = np.arange(8)
OFF = {"span_corruption": 0, "extreme_corruption": 0}
ENCODERS = {**OFF, "masked": 2, "masked_spans": 1, "sentence_order": 1}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedDataset([tokens / "train"], vocabulary, 32, 2, sentences=True).read_samples(SAMPLES, seed=0)


def test_rows_go_to_the_parts_by_weight_and_are_what_each_part_makes(rows: Rows) -> None:
    batch = Mixture(weights=ENCODERS).make_batch(rows, Randomness(0, SAMPLES))
    num_rows = {name: len(array) for name, array in batch.items() if name.endswith(".tokens")}
    assert num_rows == {"masked.tokens": 4, "masked_spans.tokens": 2, "sentence_order.tokens": 2}
    whole = Masked().make_batch(rows, Randomness(0, SAMPLES))
    assert np.array_equal(batch["masked.tokens"], whole["tokens"][[0, 1, 4, 5]])
    assert np.array_equal(batch["masked.targets"].reshape(4, -1), whole["targets"].reshape(8, -1)[[0, 1, 4, 5]])


def test_the_loss_is_the_mean_over_the_parts_by_their_rows(rows: Rows) -> None:
    objective = Mixture(weights={**OFF, "masked": 1, "masked_spans": 3})
    architecture = Architecture(family="bert", num_layers=2, hidden_size=32, num_heads=2, max_length=32)
    model = PackedModel(build_model(architecture, rows.vocabulary, seed=0), "encoder")
    learner = objective.build_learner(model, rows.vocabulary, seed=0)
    batch = {
        name: torch.from_numpy(array) for name, array in objective.make_batch(rows, Randomness(0, SAMPLES)).items()
    }
    total, count = objective.compute_loss(learner, batch)
    assert count.item() == pytest.approx(8, rel=0.02), "full rows count 1 each"
    parts = []
    for name, part in (("masked", objective.masked), ("masked_spans", objective.masked_spans)):
        mine = {key.partition(".")[2]: each for key, each in batch.items() if key.startswith(f"{name}.")}
        one, number = part.compute_loss(learner, mine)
        parts.append(one / number)
    assert (total / count).item() == pytest.approx((2 * parts[0] + 6 * parts[1]).item() / 8, rel=0.02)
    assert list(learner.state_tensors()) == list(dict.fromkeys(learner.state_tensors())), (
        "the shared model is saved once"
    )
    assert len(learner.state_tensors()) == len(model.module.state_dict()) - 2, "but for what BERT ties"


def test_parts_that_need_different_models_and_none_at_all_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"masked and \w+ need different kinds of model"):
        Mixture(weights={"masked": 1})
    with pytest.raises(ValidationError, match="at least one part"):
        Mixture(weights=OFF)
    assert Mixture(weights=ENCODERS).model_kind == "encoder"
    assert Mixture(weights={**OFF, "causal": 1, "fill_in_middle": 1}).model_kind == "decoder"
    assert Mixture().model_kind == "encoder_decoder"


def test_only_parts_that_are_on_count() -> None:
    one = Mixture(weights=ENCODERS, causal={"fim_rate": 0.3})
    assert one.semantic() == Mixture(weights=ENCODERS).semantic()
    assert one.semantic() != Mixture(weights=ENCODERS, masked={"mask_rate": 0.3}).semantic()
    assert set(MixtureWeights.model_fields) < set(Mixture.model_fields)


def test_each_part_says_what_it_needs() -> None:
    with pytest.raises(StageFailure, match="<fim_prefix>"):
        Mixture(weights={**OFF, "fill_in_middle": 1}).check_tokenizer(Vocabulary(size=10, pad=0, end=3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "weights", "margin"),
    [("bert", ENCODERS, 0.5), ("gpt2", {**OFF, "causal": 1, "fill_in_middle": 1}, 1.0), ("t5", {}, 0.5)],
)
def test_a_tiny_run_on_real_text_learns(
    training: Callable[..., Training], family: str, weights: dict[str, int], margin: float
) -> None:
    chosen = {"kind": "mixture", "mixture": {"weights": weights}}
    settings = forty_steps(family=family, objective=chosen, optimizer={"learning_rate": 0.01})
    assert learnt(training(settings)) > margin
