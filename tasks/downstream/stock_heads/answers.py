"""Extractive question answering by AutoModelForQuestionAnswering: a start and an end logit for each token."""

from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
import torch
from torch import Tensor
from transformers import AutoModelForQuestionAnswering

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import Example
from tasks.downstream.heads.answers import WindowAnswers
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.stock_heads import StockModel


class StockAnswerModel(WindowAnswers, StockModel):
    """The most likely start and end over all windows of a context."""

    auto_class: ClassVar[Any] = AutoModelForQuestionAnswering

    @classmethod
    def list_config_changes(cls, task: Task) -> dict[str, Any]:  # noqa: ARG003 - one signature for all types
        """Return nothing beside the two outputs."""
        return {"num_labels": 2}

    def make_examples(self, tokenizer: CheckpointTokenizer, rows: pl.DataFrame) -> list[Example]:  # noqa: ARG002
        """Tokenize by the tokenizer that is saved with the model."""
        return super().make_examples(self.tokenizer, rows)

    def compute_outputs(self, batch: Sequence[Example]) -> Tensor:
        """Return start and end logits of every token of every window (M, 2)."""
        windows = [window for example in batch for window in example.target[0]]
        output = self.run_stock([window.ids for window in windows])
        logits_WTK = torch.stack([output.start_logits, output.end_logits], 2)
        return torch.cat([logits_WTK[row, : len(window.ids)] for row, window in enumerate(windows)])
