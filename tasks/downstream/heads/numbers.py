"""A number for a text or for two."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from tasks.downstream.heads import Example, Head, pool_texts, tokenize_texts
from tasks.downstream.models.encoder import CheckpointTokenizer


class NumberHead(Head):
    """The number's distance from the training examples' mean, in their standard deviations."""

    answer_schema: ClassVar[dict[str, Any]] = {"predicted": pl.Float64}
    size = 1

    def examples(self, tokens: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:
        """The number is the target."""
        parts = zip(*tokenize_texts(tokens, rows, self.recipe.pairs), rows["number"], strict=True)
        return [Example(ids, second, [], number) for ids, second, number in parts]

    def begin(self, examples: Sequence[Example]) -> None:
        """The numbers' scale too."""
        super().begin(examples)
        numbers = torch.tensor([each.target for each in examples], dtype=torch.float64)
        self.middle, self.scale = float(numbers.mean()), max(float(numbers.std(unbiased=False)), 1e-6)

    def inputs(self, batch: Sequence[Example]) -> Tensor:
        """A row a text, or a pair."""
        return pool_texts(self.encoder, batch)

    def loss_of(self, outputs: Tensor, batch: Sequence[Example]) -> Tensor:
        """Squared error."""
        targets = [(each.target - self.middle) / self.scale for each in batch]
        return mse_loss(outputs[:, 0], torch.tensor(targets, dtype=outputs.dtype))

    def answers_of(self, outputs: Tensor, batch: Sequence[Example]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        """On the numbers' own scale."""
        return [(value * self.scale + self.middle,) for value in outputs[:, 0].double().tolist()]
