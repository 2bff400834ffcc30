"""A task's parts as a model reads them."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import FrozenFeatures
from tasks.downstream.heads import Example, Head, TaskModel
from tasks.downstream.models.encoder import CheckpointTokenizer
from tasks.downstream.settings.finetuning import FineTuning

ROW = "row of the part"


def features_file(data: Path, weights: str, seed: int, part: str) -> Path:
    """Where the features of a part are: those of random weights for each seed, others once."""
    return data.with_name(f"{data.stem}-{weights}-{seed if weights == 'random' else 0}-{part}.npy")


def number_rows(task: Task) -> Task:
    """The task with each row's place in its part."""
    train, validation, test = (part.with_row_index(ROW) for part in task.parts.values())
    return replace(task, train=train, validation=validation, test=test)


class SplitExamples:
    """Examples of a task's parts as a head reads them, with their features where the encoder is frozen."""

    def __init__(self, data: Path, tokens: CheckpointTokenizer, recipe: FineTuning, weights: str, seed: int) -> None:
        self.data, self.tokens, self.frozen = data, tokens, recipe.adapt.chosen.frozen
        self.weights, self.seed = weights, seed
        self.task = number_rows(Task.load(data))

    def __call__(self, head: TaskModel, part: str, rows: pl.DataFrame | None = None) -> list[Example]:
        """Of a part's rows, or all."""
        rows = self.task.parts[part] if rows is None else rows
        examples = head.examples(self.tokens, rows)
        if not (self.frozen and isinstance(head, Head)):
            return examples
        kept = FrozenFeatures.read(features_file(self.data, self.weights, self.seed, part))
        return kept.given(examples, rows[ROW].to_list())
