"""One class for a text or for two."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.heads import Example, Head, compute_class_weights, pool_texts, tokenize_texts
from tasks.downstream.models.encoder import CheckpointTokenizer


class ClassHead(Head):
    """A score for each class."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.Int32, "confidence": pl.Float32}

    @property
    def size(self) -> int:
        """The classes."""
        return len(self.task.names)

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """The class is the target."""
        parts = zip(*tokenize_texts(tokens, rows, self.recipe.pairs), rows["label"], strict=True)
        return [Example(ids, second, [], label) for ids, second, label in parts]

    def begin(self, examples: Sequence[Example]) -> None:
        """The classes' weights too."""
        super().begin(examples)
        self.weights = compute_class_weights([each.target for each in examples], self.size, self.recipe)

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """A row a text."""
        return pool_texts(self.encoder, batch)

    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Cross-entropy."""
        return cross_entropy(outputs, torch.tensor([each.target for each in batch]), self.weights)

    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """The likeliest class, and how likely."""
        confidence, predicted = torch.softmax(outputs.double(), 1).max(1)
        return list(zip(predicted.tolist(), confidence.tolist(), strict=True))
