"""Fine-tune a model on labelled examples: an own loop, the same for pretrained and for random weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tasks.downstream.finetuning.batches import iterate_step_rows
from tasks.downstream.finetuning.frozen_features import attach_features
from tasks.downstream.finetuning.optimizer import compute_schedule_factor, make_optimizer
from tasks.downstream.finetuning.semi_supervised import ConsistencyLoss
from tasks.downstream.heads import Example, Head, TaskModel
from tasks.downstream.settings.finetuning import FineTuning


@dataclass(frozen=True)
class ValidationPoint:
    """One look at validation during a fit."""

    step: int
    loss: float
    score: float


@dataclass(frozen=True)
class FittedModel:
    """A model with the weights of its best moment on validation."""

    head: TaskModel
    best: ValidationPoint
    moments: list[ValidationPoint]
    losses: list[float]
    """the training loss of every step"""


def fit_model(
    head: TaskModel,
    train: list[Example],
    validation: list[Example],
    recipe: FineTuning,
    rate: float,
    seed: int,
    unlabelled: list[Example] | None = None,
) -> FittedModel:
    """Fit the weights that learn with one learning rate; over unlabelled examples, if given, with consistency.

    Call it inside `one_thread`. It looks at no other data than these.
    """
    torch.manual_seed(seed)  # for dropout, where the model has it
    if isinstance(head, Head) and recipe.adapt.chosen.frozen:
        train, validation = (attach_features(head, part) for part in (train, validation))
    head.begin(train)
    optimizer = make_optimizer(head, recipe, rate)
    steps = recipe.steps(len(train))
    lengths = [len(each.ids) + len(each.second) for each in train] if recipe.by_length else None
    rows = iterate_step_rows(len(train), recipe.batch, steps, np.random.default_rng([seed, 2]), lengths)
    looks = {round(steps * (number + 1) / recipe.evaluations) for number in range(recipe.evaluations)}
    twins = (
        ConsistencyLoss(recipe.unlabelled, unlabelled, recipe.batch, np.random.default_rng([seed, 4]))
        if unlabelled
        else None
    )
    moments: list[ValidationPoint] = []
    losses: list[float] = []
    best_weights: dict[str, Tensor] = {}
    head.train()
    for step, chosen in enumerate(rows, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"] * compute_schedule_factor(step, steps, recipe.warmup)
        losses.append(_train_step(head, optimizer, [train[row] for row in chosen], recipe.clip, twins))
        if step in looks:
            moments.append(ValidationPoint(step, *head.validated(validation)))
            if moments[-1] == max(moments, key=ranking_key):
                best_weights = {name: weight.detach().clone() for name, weight in _trainable_weights(head)}
            elif is_out_of_patience(moments, recipe.patience):
                break
            head.train()
    head.load_state_dict(best_weights, strict=False)
    return FittedModel(head, max(moments, key=ranking_key), moments, losses)


def is_out_of_patience(moments: list[ValidationPoint], patience: int) -> bool:
    """Whether the last looks, as many as the patience, brought nothing better; with patience 0 never."""
    best = max(range(len(moments)), key=lambda number: ranking_key(moments[number]))
    return 0 < patience <= len(moments) - 1 - best


def _trainable_weights(head: TaskModel) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in head.named_parameters() if weight.requires_grad)


def ranking_key(moment: ValidationPoint) -> tuple[float, float]:
    """What is compared on validation: the score, and among equals the loss."""
    return moment.score, -moment.loss


def _train_step(
    head: TaskModel, optimizer: torch.optim.Optimizer, batch: list[Example], clip: float, twins: ConsistencyLoss | None
) -> float:
    loss = head.loss(batch)
    if twins:
        assert isinstance(head, Head)  # only classes are learnt so
        loss = loss + twins(head)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(head.parameters(), clip)
    optimizer.step()
    return float(loss.detach())
