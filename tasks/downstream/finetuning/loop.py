"""The training loop of fine-tuning, the same for pretrained and for random weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tasks.downstream.finetuning.batches import iterate_step_rows
from tasks.downstream.finetuning.frozen_features import attach_features
from tasks.downstream.finetuning.optimizer import compute_schedule_factor, make_optimizer
from tasks.downstream.finetuning.semi_supervised import ConsistencyLoss
from tasks.downstream.heads import Example, Head, ScoringModel, TaskModel
from tasks.downstream.settings.finetuning import FineTuning


@dataclass(frozen=True)
class ValidationPoint:
    """Loss and score on validation after a step of a fit."""

    step: int
    loss: float
    score: float


@dataclass(frozen=True)
class FittedModel:
    """A model with the weights of its best validation point."""

    head: TaskModel
    best: ValidationPoint
    validation_points: list[ValidationPoint]
    losses: list[float]
    """the training loss of every step"""


def fit_model(
    head: TaskModel,
    train: list[Example],
    validation: list[Example],
    finetuning: FineTuning,
    rate: float,
    seed: int,
    unlabelled: list[Example] | None = None,
) -> FittedModel:
    """Train a model with one learning rate; with unlabelled examples the consistency loss is added.

    Call it inside `use_one_thread`. It reads no other data than these.
    """
    # for dropout, where the model has it
    torch.manual_seed(seed)
    if isinstance(head, Head) and finetuning.method.chosen.freezes_encoder:
        train, validation = (attach_features(head, examples) for examples in (train, validation))
    # Makes the output layer, so the optimizer comes after it.
    head.prepare_training(train)
    optimizer = make_optimizer(head, finetuning, rate)
    num_steps = finetuning.count_steps(len(train))
    num_evaluations = finetuning.num_evaluations
    # Equally far apart, the last one at the last step.
    validation_steps = {round(num_steps * (index + 1) / num_evaluations) for index in range(num_evaluations)}
    lengths = [len(example.ids) + len(example.second_ids) for example in train] if finetuning.group_by_length else None
    # generators of their own, so that no use of random numbers shifts another: sampling takes [seed, 1]
    batch_rng, unlabelled_rng = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 4])
    step_rows = iterate_step_rows(len(train), finetuning.batch_size, num_steps, batch_rng, lengths)
    consistency = None
    if unlabelled:
        consistency = ConsistencyLoss(finetuning.unlabelled, unlabelled, finetuning.batch_size, unlabelled_rng)
    points: list[ValidationPoint] = []
    losses: list[float] = []
    best_weights: dict[str, Tensor] = {}
    head.train()
    for step, rows in enumerate(step_rows, start=1):
        factor = compute_schedule_factor(step, num_steps, finetuning.warmup_fraction)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"] * factor
        batch = [train[row] for row in rows]
        losses.append(_train_step(head, optimizer, batch, finetuning.max_grad_norm, consistency))
        if step in validation_steps:
            points.append(ValidationPoint(step, *head.validate(validation)))
            # an equal point later does not replace the first best one unless its loss is lower
            if points[-1] == max(points, key=ranking_key):
                best_weights = {name: weight.detach().clone() for name, weight in _trainable_weights(head)}
            elif is_out_of_patience(points, finetuning.patience):
                break
            head.train()
    # not strict: frozen weights never changed, and are not copied
    head.load_state_dict(best_weights, strict=False)
    return FittedModel(head, max(points, key=ranking_key), points, losses)


def is_out_of_patience(points: list[ValidationPoint], patience: int) -> bool:
    """Return whether the last `patience` evaluations or more brought nothing better; with patience 0 never."""
    best = max(range(len(points)), key=lambda index: ranking_key(points[index]))
    return 0 < patience <= len(points) - 1 - best


def _trainable_weights(head: TaskModel) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in head.named_parameters() if weight.requires_grad)


def ranking_key(point: ValidationPoint) -> tuple[float, float]:
    """Return the key by which validation points are compared: the score, and among equal scores the loss."""
    return point.score, -point.loss


def _train_step(
    head: TaskModel,
    optimizer: torch.optim.Optimizer,
    batch: list[Example],
    max_grad_norm: float,
    consistency: ConsistencyLoss | None,
) -> float:
    loss = head.compute_loss(batch)
    if consistency:
        assert isinstance(head, ScoringModel)  # only classes are learned from texts without labels
        loss = loss + consistency(head)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(head.parameters(), max_grad_norm)
    optimizer.step()
    return float(loss.detach())
