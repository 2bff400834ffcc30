"""Fine-tune a model on few labelled texts: an own loop, the same for pretrained and for random weights."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasks.evaluate.encoder import Encoder, TokenIds, batch_of, features
from tasks.evaluate.recipe import Recipe


@dataclass(frozen=True)
class Encoded:
    """Tokens and labels of a part of the data."""

    token_ids: TokenIds
    labels: Tensor


class Classifier(nn.Module):
    """An encoder and a linear head on its standardised features; the head begins at zero, so at an even guess."""

    def __init__(self, encoder: Encoder, token_ids: TokenIds, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        start = features(encoder, token_ids)
        self.mean: Tensor
        self.deviation: Tensor
        # the states' scales differ by orders of magnitude, and by other ones in random weights
        self.register_buffer("mean", start.mean(0))
        self.register_buffer("deviation", start.std(0, unbiased=False).clamp(min=1e-6))
        self.head = nn.Linear(start.shape[1], num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def logits(self, features_BF: Tensor) -> Tensor:
        """Scores of the classes (B, K)."""
        scores: Tensor = self.head((features_BF - self.mean) / self.deviation)
        return scores

    def predict(self, token_ids: TokenIds) -> Tensor:
        """Logits (texts, K) without gradients."""
        with torch.no_grad():
            return self.logits(features(self.encoder, token_ids))


@dataclass(frozen=True)
class Moment:
    """One look at validation during a fit."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Fitted:
    """A classifier with the weights of its best moment on validation."""

    classifier: Classifier
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


def rows_by_step(num_texts: int, batch: int, steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows of each step: epochs in shuffled order, a batch may reach over the end of one into the next."""
    epochs = -(-steps * batch // num_texts)
    order = np.concatenate([rng.permutation(num_texts) for _ in range(epochs)])
    for step in range(steps):
        yield order[step * batch : (step + 1) * batch]


def optimizer_of(classifier: Classifier, recipe: Recipe, rate: float) -> torch.optim.Optimizer:
    """AdamW, its decay on matrices only."""
    matrices = [weight for weight in classifier.parameters() if weight.ndim > 1]
    vectors = [weight for weight in classifier.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def fit(
    encoder: Encoder, train: Encoded, validation: Encoded, num_classes: int, recipe: Recipe, rate: float, seed: int
) -> Fitted:
    """Fit all weights with one learning rate. Call it inside `one_thread`. It looks at no other data than these two."""
    torch.manual_seed(seed)  # for dropout, where the model has it
    classifier = Classifier(encoder, train.token_ids, num_classes)
    optimizer = optimizer_of(classifier, recipe, rate)
    steps = recipe.steps(len(train.token_ids))
    rows = rows_by_step(len(train.token_ids), recipe.batch, steps, np.random.default_rng([seed, 2]))
    looks = {round(steps * (number + 1) / recipe.evaluations) for number in range(recipe.evaluations)}
    moments: list[Moment] = []
    losses: list[float] = []
    best_weights: dict[str, Tensor] = {}
    for step, chosen in enumerate(rows, start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate * progress_of(step, steps, recipe.warmup)
        losses.append(_step(classifier, optimizer, train, chosen, recipe.clip))
        if step in looks:
            moments.append(_look(classifier, validation, step))
            if moments[-1] == max(moments, key=standing):
                best_weights = {name: weight.clone() for name, weight in classifier.state_dict().items()}
    classifier.load_state_dict(best_weights)
    return Fitted(classifier, max(moments, key=standing), moments, losses)


def standing(moment: Moment) -> tuple[float, float]:
    """What is compared on validation: accuracy, and among equals the loss."""
    return moment.accuracy, -moment.loss


def progress_of(step: int, steps: int, warmup: float) -> float:
    """The learning rate's factor at a step, counted from 1: up in a straight line, then down to zero after the last."""
    rising = warmup * steps
    return step / rising if step < rising else (steps - step + 1) / max(1.0, steps - rising + 1)


def _step(
    classifier: Classifier, optimizer: torch.optim.Optimizer, train: Encoded, rows: NDArray[np.int64], clip: float
) -> float:
    classifier.train()
    batch = batch_of([train.token_ids[row] for row in rows])
    loss = cross_entropy(classifier.logits(classifier.encoder(batch)), train.labels[torch.from_numpy(rows)])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(classifier.parameters(), clip)
    optimizer.step()
    return float(loss.detach())


def _look(classifier: Classifier, validation: Encoded, step: int) -> Moment:
    logits = classifier.predict(validation.token_ids)
    right = (logits.argmax(1) == validation.labels).double().mean()
    return Moment(step, float(cross_entropy(logits, validation.labels)), float(right))
