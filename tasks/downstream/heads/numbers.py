"""Regression: a number for a text or for a pair of texts."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from tasks.downstream.heads import Example, Head, pool_texts, tokenize_texts
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer


class NumberHead(Head):
    """One output: the number less the training examples' mean, in their standard deviations."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.Float64}
    num_outputs = 1

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """Tokenize the texts; the number is the target."""
        encoded = tokenize_texts(tokenizer, rows, self.finetuning.pair_encoding)
        return [
            Example(ids, second_ids, [], number)
            for ids, second_ids, number in zip(*encoded, rows["number"], strict=True)
        ]

    def prepare_training(self, examples: Sequence[Example]) -> None:
        """Make the layer, and compute the mean and the deviation of the targets."""
        super().prepare_training(examples)
        targets = torch.tensor([example.target for example in examples], dtype=torch.float64)
        # scaled, so that one set of learning rates suits every unit of measurement
        self.target_mean = float(targets.mean())
        self.target_deviation = max(float(targets.std(unbiased=False)), 1e-6)

    def encode(self, batch: Sequence[Example]) -> Tensor:
        """Return the features of every text or pair (B, F)."""
        return pool_texts(self.encoder, batch)

    def compute_output_loss(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Return the mean squared error."""
        targets = [(example.target - self.target_mean) / self.target_deviation for example in batch]
        return mse_loss(outputs[:, 0], torch.tensor(targets, dtype=outputs.dtype))

    def decode_answers(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """Return the predicted number of every example, on the targets' own scale."""
        return [(value * self.target_deviation + self.target_mean,) for value in outputs[:, 0].double().tolist()]
