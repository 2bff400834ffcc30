"""Semi-supervised learning from texts without labels: pseudo-labels, and consistency training."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.data.task_data import Task, limit_rows
from tasks.downstream.heads import Example, ScoringModel, TaskModel
from tasks.downstream.settings.unlabelled import UnlabelledTexts
from tasks.errors import StageFailure
from tasks.input_files.text_files import read_lines

SETTING = "evaluate.finetuning.unlabelled.file"


def load_unlabelled_texts(settings: UnlabelledTexts, task: Task) -> pl.DataFrame:
    """Return rows of the task whose labels mean nothing (all 0). Raises StageFailure for a file without a text."""
    if settings.file:
        texts = read_lines(Path(settings.file), SETTING)
        if not texts:
            raise StageFailure(f"{settings.file} has no text", f"Put a text on every line, or leave {SETTING} empty")
        rows = pl.DataFrame({"text": texts, "second": [""] * len(texts)})
    else:
        rows = task.train.select("text", "second")
    return limit_rows(rows, settings.max_texts, 0).with_columns(pl.lit(0, pl.Int32).alias("label"))


def add_pseudo_labels(teacher: TaskModel, examples: Sequence[Example], min_confidence: float) -> list[Example]:
    """Return the examples that a fitted model predicts with enough confidence, with its predictions as targets."""
    _, answers = teacher.evaluate(examples)
    return [
        replace(example, target=label)
        for example, (label, confidence) in zip(
            examples, answers.select("predicted", "confidence").iter_rows(), strict=True
        )
        if confidence >= min_confidence
    ]


class ConsistencyLoss:
    """The loss of predicting a text with dropped tokens like the complete text, which is predicted without gradient.

    Like FixMatch it has a confidence threshold and hard labels, over the unlabelled texts of a step: predictions below
    the threshold count zero. Dropout, where the model has it, perturbs the text further.
    """

    def __init__(
        self, settings: UnlabelledTexts, examples: list[Example], batch_size: int, rng: np.random.Generator
    ) -> None:
        self.settings, self.examples, self.rng = settings, examples, rng
        self.batches = self._iterate_batches(settings.ratio * batch_size)

    def __call__(self, head: ScoringModel) -> Tensor:
        """Return the loss of the next texts, times its weight. It leaves the head in training mode."""
        batch = [self.examples[row] for row in next(self.batches)]
        # without dropout, so that the target does not depend on the random state
        head.eval()
        with torch.no_grad():
            confidences, predictions = torch.softmax(head.compute_outputs(batch), 1).max(1)
        head.train()
        outputs = head.compute_outputs([self._perturb(example) for example in batch])
        # The mean over all texts and not over the confident ones alone: while few are confident, the loss stays small.
        losses = cross_entropy(outputs, predictions, reduction="none")
        return self.settings.loss_weight * (losses * (confidences >= self.settings.min_confidence)).mean()

    def _iterate_batches(self, size: int) -> Iterator[Any]:
        while True:
            order = self.rng.permutation(len(self.examples))
            yield from (order[start : start + size] for start in range(0, len(order), size))

    def _perturb(self, example: Example) -> Example:
        return replace(example, ids=self._drop_tokens(example.ids), second_ids=self._drop_tokens(example.second_ids))

    def _drop_tokens(self, ids: list[int]) -> list[int]:
        """Drop tokens at random, but never the first and the last: with many tokenizers they are special ones."""
        is_kept = self.rng.random(len(ids)) >= self.settings.token_dropout
        return [token for position, token in enumerate(ids) if is_kept[position] or position in {0, len(ids) - 1}]
