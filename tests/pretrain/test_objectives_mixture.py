"""Several objectives by turns in one run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedRows, Rows
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.mixture import Mixture, Turns
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SLOTS = np.arange(8)
OFF = {"span_corruption": 0, "extreme_corruption": 0}
ENCODERS = {**OFF, "masked": 2, "masked_spans": 1, "sentence_order": 1}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    vocabulary = read_vocabulary(tokens / "tokenizer")
    return PackedRows([tokens / "train"], vocabulary, 32, 2, sentences=True).at(SLOTS, seed=0)


def test_the_rows_take_turns_and_each_is_what_its_part_makes_of_it(rows: Rows) -> None:
    batch = Mixture(turns=ENCODERS).make(rows, Randomness(0, SLOTS))
    shares = {name: len(array) for name, array in batch.items() if name.endswith(".tokens")}
    assert shares == {"masked.tokens": 4, "masked_spans.tokens": 2, "sentence_order.tokens": 2}
    whole = Masked().make(rows, Randomness(0, SLOTS))
    assert np.array_equal(batch["masked.tokens"], whole["tokens"][[0, 1, 4, 5]])
    assert np.array_equal(batch["masked.targets"].reshape(4, -1), whole["targets"].reshape(8, -1)[[0, 1, 4, 5]])


def test_the_loss_is_the_mean_over_the_parts_by_their_rows(rows: Rows) -> None:
    objective = Mixture(turns={**OFF, "masked": 1, "masked_spans": 3})
    architecture = Architecture(family="bert", layers=2, width=32, heads=2, context=32)
    model = PackedModel(architecture.build(rows.vocabulary, seed=0), "both")
    learner = objective.learner(model, rows.vocabulary, seed=0)
    batch = {name: torch.from_numpy(array) for name, array in objective.make(rows, Randomness(0, SLOTS)).items()}
    total, count = objective.loss(learner, batch)
    assert count.item() == pytest.approx(8, rel=0.02), "full rows count 1 each"
    parts = []
    for name, part in (("masked", objective.masked), ("masked_spans", objective.masked_spans)):
        mine = {key.partition(".")[2]: each for key, each in batch.items() if key.startswith(f"{name}.")}
        one, number = part.loss(learner, mine)
        parts.append(one / number)
    assert (total / count).item() == pytest.approx((2 * parts[0] + 6 * parts[1]).item() / 8, rel=0.02)
    assert list(learner.state()) == list(dict.fromkeys(learner.state())), "the shared model is saved once"
    assert len(learner.state()) == len(model.module.state_dict()) - 2, "but for what BERT ties"


def test_parts_that_need_different_models_and_none_at_all_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"masked and \w+ need different kinds of model"):
        Mixture(turns={"masked": 1})
    with pytest.raises(ValidationError, match="at least one part"):
        Mixture(turns=OFF)
    assert Mixture(turns=ENCODERS).reads == "both"
    assert Mixture(turns={**OFF, "causal": 1, "infilling": 1}).reads == "left"
    assert Mixture().reads == "pairs"


def test_only_parts_that_are_on_count() -> None:
    one = Mixture(turns=ENCODERS, causal={"infill": 0.3})
    assert one.semantic() == Mixture(turns=ENCODERS).semantic()
    assert one.semantic() != Mixture(turns=ENCODERS, masked={"rate": 0.3}).semantic()
    assert set(Turns.model_fields) < set(Mixture.model_fields)


def test_each_part_says_what_it_needs() -> None:
    with pytest.raises(StageFailure, match="<fim_prefix>"):
        Mixture(turns={**OFF, "infilling": 1}).needs(Vocabulary(size=10, pad=0, end=3))


@pytest.mark.parametrize(
    ("family", "turns", "margin"),
    [("bert", ENCODERS, 0.5), ("gpt2", {**OFF, "causal": 1, "infilling": 1}, 1.0), ("t5", {}, 0.5)],
)
def test_a_tiny_run_on_real_text_learns(
    training: Callable[..., Training], family: str, turns: dict[str, int], margin: float
) -> None:
    chosen = {"kind": "mixture", "mixture": {"turns": turns}}
    settings = forty_steps(family=family, objective=chosen, optimizer={"learning_rate": 0.01})
    assert learnt(training(settings)) > margin
