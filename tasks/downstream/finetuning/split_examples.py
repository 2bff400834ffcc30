"""A task's splits as a model reads them."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import FrozenFeatures
from tasks.downstream.heads import Example, Head, TaskModel
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.settings.finetuning import FineTuning

ROW = "row of the part"


def features_file(data: Path, weights: str, seed: int, split: str) -> Path:
    """Return the path of a split's features: a file for each seed of random weights, else one for all seeds."""
    return data.with_name(f"{data.stem}-{weights}-{seed if weights == 'random' else 0}-{split}.npy")


def number_rows(task: Task) -> Task:
    """Return the task with a column of each row's index in its split."""
    train, validation, test = (rows.with_row_index(ROW) for rows in task.parts.values())
    return replace(task, train=train, validation=validation, test=test)


class SplitExamples:
    """Tokenized examples of a task's splits, with their features where the encoder is frozen."""

    def __init__(
        self, data: Path, tokenizer: CheckpointTokenizer, finetuning: FineTuning, weights: str, seed: int
    ) -> None:
        self.data, self.tokenizer = data, tokenizer
        self.has_features = finetuning.method.chosen.freezes_encoder
        self.weights, self.seed = weights, seed
        self.task = number_rows(Task.load(data))

    def __call__(self, head: TaskModel, split: str, rows: pl.DataFrame | None = None) -> list[Example]:
        """Return the examples of some rows of a split, or of all of it."""
        # The features lie in the order of the split; the column ROW finds those of a sample.
        rows = self.task.parts[split] if rows is None else rows
        examples = head.make_examples(self.tokenizer, rows)
        if not (self.has_features and isinstance(head, Head)):
            return examples
        features = FrozenFeatures.load(features_file(self.data, self.weights, self.seed, split))
        return features.attach_to(examples, rows[ROW].to_list())
