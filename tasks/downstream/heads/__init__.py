"""How a model answers, one file a kind of task: most by a linear head on an encoder's standardised features.

Shapes: B examples of a batch, M places that are answered (an example each, or a word each), F features, K outputs.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl
import torch
from torch import Tensor, nn

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.encoder import (
    EVALUATION_BATCH_SIZE,
    CheckpointTokenizer,
    Encoder,
    TokenIds,
    batch_by_length,
    load_encoder,
    pad_batch,
)
from tasks.downstream.models.layers import find_layers
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import kind_of

NUM_SCALING_EXAMPLES = 256


@dataclass(frozen=True)
class Example:
    """An example as a model reads it."""

    ids: list[int]
    second: list[int]
    """of a second text that is read apart; else empty"""
    places: list[tuple[int, int]]
    """tokens (first, one past the last) of what is answered or marked; empty where the whole text is"""
    target: Any
    """the answer to learn"""
    features: Tensor | None = field(default=None, compare=False)
    """of its places (M, F), where a frozen encoder has read it already"""


class TaskModel(nn.Module, ABC):
    """What a fit fits: a model that reads a task's examples, learns from them and answers them."""

    answer_schema: ClassVar[dict[str, Any]]
    """the columns of answers"""
    task: Task

    @classmethod
    def check(cls, checkpoint: Path, recipe: FineTuning) -> None:
        """Raises StageFailure when the checkpoint lacks what the kind or the recipe needs."""

    @classmethod
    @abstractmethod
    def loaded(cls, checkpoint: Path, task: Task, recipe: FineTuning, *, random: bool, seed: int) -> Self:
        """With the checkpoint's weights, or with fresh ones."""

    @property
    @abstractmethod
    def backbone(self) -> Backbone:
        """What the checkpoint brought."""

    @abstractmethod
    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Rows of the task, tokenized."""

    def learnable(self, examples: list[Example]) -> list[Example]:
        """Those that something can be learnt from."""
        return examples

    def begin(self, examples: Sequence[Example]) -> None:
        """Make what depends on the training examples."""

    @abstractmethod
    def loss(self, batch: Sequence[Example]) -> Tensor:
        """The mean loss of a batch, to learn from."""

    @abstractmethod
    def judged(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """Mean loss and all answers, in the examples' order, without gradients."""

    def validated(self, examples: Sequence[Example]) -> tuple[float, float]:
        """Loss and score on the validation part: what settings are chosen by."""
        loss, answers = self.judged(examples)
        kind = kind_of(self.task)
        return loss, kind.scores(self.task, self.task.validation, answers)[kind.metrics[0]].value


class Head(TaskModel):
    """An encoder and a linear layer; the layer begins at zero, so at an even guess."""

    def __init__(self, encoder: Encoder, task: Task, recipe: FineTuning) -> None:
        """Make the encoder ready for the recipe's way to adapt."""
        super().__init__()
        recipe.adapt.chosen.apply(encoder)
        self.encoder, self.task, self.recipe = encoder, task, recipe
        self.head: nn.Linear
        self.mean: Tensor
        self.deviation: Tensor

    @classmethod
    def check(cls, checkpoint: Path, recipe: FineTuning) -> None:
        """It must take the way to adapt."""
        CheckpointTokenizer(checkpoint, recipe.max_length, recipe.adapt.chosen.places)
        check_adaptation(load_encoder(checkpoint, random=False, seed=0), recipe)

    @classmethod
    def loaded(cls, checkpoint: Path, task: Task, recipe: FineTuning, *, random: bool, seed: int) -> Self:
        """The model without its own head."""
        return cls(load_encoder(checkpoint, random=random, seed=seed), task, recipe)

    @property
    def backbone(self) -> Encoder:
        """What reads."""
        return self.encoder

    @property
    @abstractmethod
    def size(self) -> int:
        """Numbers that the layer gives for each place, K."""

    @abstractmethod
    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """Features of everything that is answered, (M, F)."""

    @abstractmethod
    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """The mean loss of outputs (M, K)."""

    @abstractmethod
    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:
        """The answer to every example, as `answer_schema` names its columns."""

    def num_places(self, example: Example) -> int:  # noqa: ARG002 - most heads answer an example in one place
        """Rows that `inputs` gives for an example."""
        return 1

    def begin(self, examples: Sequence[Example]) -> None:
        """Make the layer, and learn the features' scales from training examples.

        The states' scales differ by orders of magnitude, and by other ones in random weights; `NUM_SCALING_EXAMPLES` examples from
        all over tell them as well as all of them.
        """
        some = examples[:: -(-len(examples) // NUM_SCALING_EXAMPLES)]
        with torch.no_grad():
            self.encoder.eval()
            parts = [self.features([some[row] for row in rows]) for rows in self._by_length(some)]
        start = torch.cat(parts)
        self.register_buffer("mean", start.mean(0))
        self.register_buffer("deviation", start.std(0, unbiased=False).clamp(min=1e-6))
        self.head = nn.Linear(start.shape[1], self.size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, batch: Sequence[Example]) -> Tensor:
        """What the layer sees of everything that is answered, (M, F): kept, or read by the encoder."""
        kept = [each.features for each in batch if each.features is not None]
        return torch.cat(kept) if len(kept) == len(batch) else self.inputs(batch)

    def outputs(self, batch: Sequence[Example]) -> Tensor:
        """What the layer gives for every place, (M, K)."""
        outputs: Tensor = self.head((self.features(batch) - self.mean) / self.deviation)
        return outputs

    def loss(self, batch: Sequence[Example]) -> Tensor:
        """The mean loss of a batch, to learn from."""
        return self.loss_of(self.outputs(batch), batch)

    @torch.no_grad()
    def judged(self, examples: Sequence[Example]) -> tuple[float, pl.DataFrame]:
        """Mean loss and all answers, in the examples' order, without gradients."""
        self.eval()
        total = 0.0
        answers: dict[int, tuple[Any, ...]] = {}
        for rows in self._by_length(examples):
            batch = [examples[row] for row in rows]
            outputs = self.outputs(batch)
            total += float(self.loss_of(outputs, batch)) * len(batch)
            answers |= dict(zip(rows.tolist(), self.answers_of(outputs, batch), strict=True))
        told = [answers[row] for row in range(len(examples))]
        return total / len(examples), pl.DataFrame(told, schema=self.answer_schema, orient="row")

    def _by_length(self, examples: Sequence[Example]) -> list[Any]:
        return batch_by_length([[*each.ids, *each.second] for each in examples], EVALUATION_BATCH_SIZE)


def check_adaptation(model: Backbone, recipe: FineTuning) -> None:
    """Raises StageFailure for a model that the way to adapt, or learning rates by layer, do not suit."""
    recipe.adapt.chosen.apply(model)
    if recipe.layer_decay != 1:
        find_layers(model.body)


def compute_class_weights(targets: Sequence[int], size: int, recipe: FineTuning) -> Tensor | None:
    """A weight for each class, all over its share; None where all count alike. Classes without an example count 1.

    The rule of scikit-learn's "balanced": King and Zeng, "Logistic regression in rare events data", 2001.
    """
    if recipe.class_weights == "equal":
        return None
    counts = torch.bincount(torch.tensor(targets), minlength=size).float()
    return torch.where(counts > 0, len(targets) / (size * counts.clamp(min=1)), torch.ones(size))


def pool_texts(encoder: Encoder, batch: Sequence[Example]) -> Tensor:
    """Features of whole texts (B, F); of two that are read apart both, their distance and their product (B, 4F).

    The four parts: Conneau et al., "Supervised learning of universal sentence representations", 2017, section 3.1.
    """
    one: Tensor = encoder(pad_batch([each.ids for each in batch]))
    if not any(each.second for each in batch):
        return one
    other: Tensor = encoder(pad_batch([each.second for each in batch]))
    return torch.cat([one, other, (one - other).abs(), one * other], 1)


def tokenize_texts(tokens: CheckpointTokenizer, rows: pl.DataFrame, pairs: str) -> tuple[TokenIds, TokenIds]:
    """Token ids of the texts, and of the second ones where they are read apart."""
    texts, seconds = rows["text"].to_list(), rows["second"].to_list()
    if not any(seconds):
        return tokens(texts), [[] for _ in texts]
    if pairs == "apart":
        return tokens(texts), tokens(seconds)
    return tokens(texts, seconds), [[] for _ in texts]


def find_model_class(task: Task) -> type[TaskModel]:
    """How models answer a task's kind: the class of `tasks.downstream.heads.<name>`."""
    module = importlib.import_module(f"{__name__}.{task.kind}")
    (found,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, TaskModel) and each.__module__ == module.__name__
    ]
    return found


def make_head(encoder: Encoder, task: Task, recipe: FineTuning) -> Head:
    """The head for a task's kind, on an encoder that is there."""
    head = find_model_class(task)
    assert issubclass(head, Head)
    return head(encoder, task, recipe)
