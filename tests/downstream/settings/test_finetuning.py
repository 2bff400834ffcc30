"""Settings of a fit: learning rates by layer, weights of classes, an early end."""

from pathlib import Path

import pytest
import torch

from tasks.block import OneOf
from tasks.downstream.adaptation import Way
from tasks.downstream.finetuning.loop import Moment, is_over
from tasks.downstream.finetuning.optimizer import optimizer_of, shares
from tasks.downstream.heads import class_weights
from tasks.downstream.heads.classes import ClassHead
from tasks.downstream.models.encoder import load
from tasks.downstream.settings.finetuning import Recipe


def test_lower_layers_learn_slower(checkpoint: Path) -> None:
    head = ClassHead(load(checkpoint, random=False, seed=0), None, Recipe())  # type: ignore[arg-type]
    head.head = torch.nn.Linear(2, 2)
    share = {id(weight): each for weight, each in shares(head, 0.5)}
    body = head.encoder.body
    assert share[id(head.head.weight)] == 1
    assert share[id(body.ln_f.weight)] == 1
    assert share[id(body.h[0].mlp.c_fc.weight)] == 0.5
    assert share[id(body.wte.weight)] == 0.25
    groups = optimizer_of(head, Recipe(layer_decay=0.5), 0.1).param_groups
    assert {group["share"] for group in groups} == {1, 0.5, 0.25}
    assert sum(len(group["params"]) for group in groups) == len(list(head.parameters()))


def test_balanced_weights_even_out_the_classes() -> None:
    assert class_weights([0, 0, 0, 1], 2, Recipe()) is None
    weights = class_weights([0, 0, 0, 1], 3, Recipe(class_weights="balanced"))
    assert weights is not None
    assert weights.tolist() == pytest.approx([4 / 9, 4 / 3, 1])
    assert float(3 * weights[0]) == pytest.approx(float(weights[1]))


def test_a_fit_is_over_when_nothing_gets_better() -> None:
    scores = [Moment(step, 1.0, score) for step, score in enumerate([0.5, 0.7, 0.6, 0.7])]
    assert not is_over(scores, 0)
    assert is_over(scores, 2)
    assert not is_over(scores, 3)
    assert not is_over([*scores, Moment(5, 0.9, 0.7)], 1)  # among equals the loss counts


def test_other_ways_settings_do_not_enter_the_key() -> None:
    def way(rank: int) -> object:
        return OneOf[Way].model_validate({"kind": "full", "lora": {"rank": rank}}).semantic()

    assert way(4) == way(8)
    recipe = Recipe.model_validate({"adapt": {"kind": "lora", "lora": {"rank": 4}}})
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
