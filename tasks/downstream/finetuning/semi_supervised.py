"""Learning from texts without labels: by a first fit's answers, or by asking that an altered text be answered alike."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.downstream.data.task_data import Task, thinned
from tasks.downstream.heads import Example, Head, TaskModel
from tasks.downstream.readers.plain_text import lines_of
from tasks.downstream.settings.unlabelled import UnlabelledTexts
from tasks.errors import StageFailure

SETTING = "evaluate.recipe.unlabelled.file"


def load_unlabelled_texts(settings: UnlabelledTexts, task: Task) -> pl.DataFrame:
    """Rows of the task whose labels mean nothing (they are 0). Raises StageFailure for a file without a text."""
    if settings.file:
        texts = lines_of(Path(settings.file), SETTING)
        if not texts:
            raise StageFailure(f"{settings.file} has no text", f"Put a text on every line, or leave {SETTING} empty")
        found = pl.DataFrame({"text": texts, "second": [""] * len(texts)})
    else:
        found = task.train.select("text", "second")
    return thinned(found, settings.most, 0).with_columns(pl.lit(0, pl.Int32).alias("label"))


def add_pseudo_labels(teacher: TaskModel, examples: Sequence[Example], confidence: float) -> list[Example]:
    """The examples that a fitted head is sure of, with its answers as their labels."""
    _, answers = teacher.judged(examples)
    return [
        replace(example, target=label)
        for example, (label, sureness) in zip(examples, answers.iter_rows(), strict=True)
        if sureness >= confidence
    ]


class ConsistencyLoss:
    """The loss of consistency: whole texts are answered without gradient, and their twins with gaps learn the answers.

    Of FixMatch it has the threshold and the hard labels, over the unlabelled texts of a step: the ones that are not
    sure count zero. Dropout, where the model has it, alters the twin further.
    """

    def __init__(
        self, settings: UnlabelledTexts, examples: list[Example], batch: int, rng: np.random.Generator
    ) -> None:
        self.settings, self.examples, self.rng = settings, examples, rng
        self.rows = self._rows(settings.ratio * batch)

    def __call__(self, head: Head) -> Tensor:
        """Of the next texts, times its weight. It leaves the head in training mode."""
        batch = [self.examples[row] for row in next(self.rows)]
        head.eval()
        with torch.no_grad():
            sureness, answers = torch.softmax(head.outputs(batch), 1).max(1)
        head.train()
        outputs = head.outputs([self._twin(each) for each in batch])
        losses = cross_entropy(outputs, answers, reduction="none")
        return self.settings.weight * (losses * (sureness >= self.settings.confidence)).mean()

    def _rows(self, size: int) -> Iterator[Any]:
        while True:
            order = self.rng.permutation(len(self.examples))
            yield from (order[start : start + size] for start in range(0, len(order), size))

    def _twin(self, example: Example) -> Example:
        return replace(example, ids=self._with_gaps(example.ids), second=self._with_gaps(example.second))

    def _with_gaps(self, ids: list[int]) -> list[int]:
        """First and last tokens stay: with many tokenizers they are special ones."""
        left = self.rng.random(len(ids)) >= self.settings.word_drop
        return [id_ for place, id_ in enumerate(ids) if left[place] or place in {0, len(ids) - 1}]
