"""Settings of a fit: learning rates by layer, weights of classes, an early end."""

from pathlib import Path

import pytest
import torch

from tasks.block import OneOf
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.finetuning.loop import ValidationPoint, is_out_of_patience
from tasks.downstream.finetuning.optimizer import compute_rate_factors, make_optimizer
from tasks.downstream.heads import compute_class_weights
from tasks.downstream.heads.classes import ClassHead
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.settings.finetuning import FineTuning


def test_lower_layers_learn_slower(checkpoint: Path) -> None:
    head = ClassHead(load_encoder(checkpoint, random=False, seed=0), None, FineTuning())  # type: ignore[arg-type]
    head.head = torch.nn.Linear(2, 2)
    factors = {id(weight): factor for weight, factor in compute_rate_factors(head, 0.5)}
    body = head.encoder.body
    assert factors[id(head.head.weight)] == 1
    assert factors[id(body.ln_f.weight)] == 1
    assert factors[id(body.h[0].mlp.c_fc.weight)] == 0.5
    assert factors[id(body.wte.weight)] == 0.25
    groups = make_optimizer(head, FineTuning(layer_decay=0.5), 0.1).param_groups
    assert {group["rate_factor"] for group in groups} == {1, 0.5, 0.25}
    assert sum(len(group["params"]) for group in groups) == len(list(head.parameters()))


def test_balanced_weights_even_out_the_classes() -> None:
    assert compute_class_weights([0, 0, 0, 1], 2, FineTuning()) is None
    weights = compute_class_weights([0, 0, 0, 1], 3, FineTuning(class_weights="balanced"))
    assert weights is not None
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 3, 1])
    assert float(3 * weights[0]) == pytest.approx(float(weights[1]))


def test_a_fit_is_over_when_nothing_gets_better() -> None:
    scores = [ValidationPoint(step, 1.0, score) for step, score in enumerate([0.5, 0.7, 0.6, 0.7])]
    assert not is_out_of_patience(scores, 0)
    assert is_out_of_patience(scores, 2)
    assert not is_out_of_patience(scores, 3)
    assert not is_out_of_patience([*scores, ValidationPoint(5, 0.9, 0.7)], 1)  # among equals the loss counts


def test_settings_of_other_methods_do_not_enter_the_key() -> None:
    def way(rank: int) -> object:
        return OneOf[AdaptationMethod].model_validate({"kind": "full", "lora": {"rank": rank}}).semantic()

    assert way(4) == way(8)
    finetuning = FineTuning.model_validate({"method": {"kind": "lora", "lora": {"rank": 4}}})
    assert FineTuning.model_validate_json(finetuning.model_dump_json()) == finetuning
