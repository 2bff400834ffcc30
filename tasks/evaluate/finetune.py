"""Fine-tune a model on few labelled examples: an own loop, the same for pretrained and for random weights."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.evaluate.heads import Example, TaskModel
from tasks.evaluate.recipe import Recipe


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


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, whether a fit runs in a worker or in this process; the random state is put back after."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)


def rows_by_step(num_examples: int, batch: int, steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows of each step: epochs in shuffled order, a batch may reach over the end of one into the next."""
    epochs = -(-steps * batch // num_examples)
    order = np.concatenate([rng.permutation(num_examples) for _ in range(epochs)])
    for step in range(steps):
        yield order[step * batch : (step + 1) * batch]


def optimizer_of(head: TaskModel, recipe: Recipe, rate: float) -> torch.optim.Optimizer:
    """AdamW, its decay on matrices only."""
    matrices = [weight for weight in head.parameters() if weight.ndim > 1]
    vectors = [weight for weight in head.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def fit(
    head: TaskModel, train: list[Example], validation: list[Example], recipe: Recipe, rate: float, seed: int
) -> Fitted:
    """Fit all weights with one learning rate. Call it inside `one_thread`. It looks at no other data than these two."""
    torch.manual_seed(seed)  # for dropout, where the model has it
    head.begin(train)
    optimizer = optimizer_of(head, recipe, rate)
    steps = recipe.steps(len(train))
    rows = rows_by_step(len(train), recipe.batch, steps, np.random.default_rng([seed, 2]))
    looks = {round(steps * (number + 1) / recipe.evaluations) for number in range(recipe.evaluations)}
    moments: list[Moment] = []
    losses: list[float] = []
    best_weights: dict[str, Tensor] = {}
    for step, chosen in enumerate(rows, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * progress_of(step, steps, recipe.warmup)
        losses.append(_step(head, optimizer, [train[row] for row in chosen], recipe.clip))
        if step in looks:
            moments.append(Moment(step, *head.validated(validation)))
            if moments[-1] == max(moments, key=standing):
                best_weights = {name: weight.clone() for name, weight in head.state_dict().items()}
    head.load_state_dict(best_weights)
    return Fitted(head, max(moments, key=standing), moments, losses)


def standing(moment: Moment) -> tuple[float, float]:
    """What is compared on validation: the score, and among equals the loss."""
    return moment.score, -moment.loss


def progress_of(step: int, steps: int, warmup: float) -> float:
    """The learning rate's factor at a step, counted from 1: up in a straight line, then down to zero after the last."""
    rising = warmup * steps
    return step / rising if step < rising else (steps - step + 1) / max(1.0, steps - rising + 1)


def _step(head: TaskModel, optimizer: torch.optim.Optimizer, batch: list[Example], clip: float) -> float:
    head.train()
    loss = head.loss(batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(head.parameters(), clip)
    optimizer.step()
    return float(loss.detach())
