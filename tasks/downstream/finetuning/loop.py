"""Fine-tune a model on labelled examples: an own loop, the same for pretrained and for random weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tasks.downstream.finetuning.batches import rows_by_step
from tasks.downstream.finetuning.frozen import with_features
from tasks.downstream.finetuning.optimizer import optimizer_of, progress_of
from tasks.downstream.finetuning.semi_supervised import Twins
from tasks.downstream.heads import Example, Head, TaskModel
from tasks.downstream.settings.finetuning import Recipe


@dataclass(frozen=True)
class Moment:
    """One look at validation during a fit."""

    step: int
    loss: float
    score: float


@dataclass(frozen=True)
class Fitted:
    """A model with the weights of its best moment on validation."""

    head: TaskModel
    best: Moment
    moments: list[Moment]
    losses: list[float]
    """the training loss of every step"""


def fit(
    head: TaskModel,
    train: list[Example],
    validation: list[Example],
    recipe: Recipe,
    rate: float,
    seed: int,
    unlabelled: list[Example] | None = None,
) -> Fitted:
    """Fit the weights that learn with one learning rate; over unlabelled examples, if given, with consistency.

    Call it inside `one_thread`. It looks at no other data than these.
    """
    torch.manual_seed(seed)  # for dropout, where the model has it
    if isinstance(head, Head) and recipe.adapt.chosen.frozen:
        train, validation = (with_features(head, part) for part in (train, validation))
    head.begin(train)
    optimizer = optimizer_of(head, recipe, rate)
    steps = recipe.steps(len(train))
    lengths = [len(each.ids) + len(each.second) for each in train] if recipe.by_length else None
    rows = rows_by_step(len(train), recipe.batch, steps, np.random.default_rng([seed, 2]), lengths)
    looks = {round(steps * (number + 1) / recipe.evaluations) for number in range(recipe.evaluations)}
    twins = Twins(recipe.unlabelled, unlabelled, recipe.batch, np.random.default_rng([seed, 4])) if unlabelled else None
    moments: list[Moment] = []
    losses: list[float] = []
    best_weights: dict[str, Tensor] = {}
    head.train()
    for step, chosen in enumerate(rows, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"] * progress_of(step, steps, recipe.warmup)
        losses.append(_step(head, optimizer, [train[row] for row in chosen], recipe.clip, twins))
        if step in looks:
            moments.append(Moment(step, *head.validated(validation)))
            if moments[-1] == max(moments, key=standing):
                best_weights = {name: weight.detach().clone() for name, weight in _learning(head)}
            elif is_over(moments, recipe.patience):
                break
            head.train()
    head.load_state_dict(best_weights, strict=False)
    return Fitted(head, max(moments, key=standing), moments, losses)


def is_over(moments: list[Moment], patience: int) -> bool:
    """Whether the last looks, as many as the patience, brought nothing better; with patience 0 never."""
    best = max(range(len(moments)), key=lambda number: standing(moments[number]))
    return 0 < patience <= len(moments) - 1 - best


def _learning(head: TaskModel) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in head.named_parameters() if weight.requires_grad)


def standing(moment: Moment) -> tuple[float, float]:
    """What is compared on validation: the score, and among equals the loss."""
    return moment.score, -moment.loss


def _step(
    head: TaskModel, optimizer: torch.optim.Optimizer, batch: list[Example], clip: float, twins: Twins | None
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
