"""Classification of a text or of a pair of texts."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.heads import Example, Head, compute_class_weights, pool_texts, tokenize_texts
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer


class ClassAnswers:
    """The loss and the answers of outputs for classes."""

    weights: Tensor | None = None
    """the classes' weights in the loss"""
    answer_schema: ClassVar[dict[str, Any]] = {
        "predicted": pl.Int32,
        "confidence": pl.Float32,
        "probabilities": pl.List(pl.Float32),
    }

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean cross-entropy."""
        return cross_entropy(outputs, torch.tensor([example.target for example in batch]), self.weights)

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """Return the most likely class of every example, its probability, and those of all classes."""
        probabilities_BK = torch.softmax(outputs.double(), 1)
        confidence, predicted = probabilities_BK.max(1)
        return list(zip(predicted.tolist(), confidence.tolist(), probabilities_BK.tolist(), strict=True))


class ClassHead(ClassAnswers, Head):
    """A score for each class."""

    @property
    def num_outputs(self) -> int:
        """The number of classes."""
        return len(self.task.names)

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the texts; the class is the target."""
        encoded = tokenize_texts(tokenizer, rows, self.finetuning.pair_encoding)
        return [
            Example(ids, second_ids, [], label) for ids, second_ids, label in zip(*encoded, rows["label"], strict=True)
        ]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Make the layer, and compute the classes' weights."""
        super().prepare_training(examples)
        targets = [example.target for example in examples]
        self.weights = compute_class_weights(targets, self.num_outputs, self.finetuning)

    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Return the features of every text or pair (B, F)."""
        return pool_texts(self.encoder, batch)
