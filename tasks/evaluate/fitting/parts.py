"""A task's parts as a model reads them."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from tasks.evaluate.encoder import Tokens
from tasks.evaluate.examples import Task
from tasks.evaluate.fitting.frozen import Features
from tasks.evaluate.heads import Example, Head, TaskModel
from tasks.evaluate.recipe import Recipe

ROW = "row of the part"


def features_file(data: Path, model: str, seed: int, part: str) -> Path:
    """Where the features of a part are: those of random weights for each seed, others once."""
    return data.with_name(f"{data.stem}-{model}-{seed}-{part}.npy" if model == "random" else f"{data.stem}-{part}.npy")


class Parts:
    """Examples of a task's parts as a head reads them, with their features where the encoder is frozen."""

    def __init__(self, data: Path, tokens: Tokens, recipe: Recipe, model: str, seed: int) -> None:
        task = Task.load(data)
        self.data, self.tokens, self.frozen = data, tokens, recipe.adapt.chosen.frozen
        self.model, self.seed = model, seed
        train, validation, test = (part.with_row_index(ROW) for part in task.parts.values())
        self.task = replace(task, train=train, validation=validation, test=test)

    def __call__(self, head: TaskModel, part: str, rows: pl.DataFrame | None = None) -> list[Example]:
        """Of a part's rows, or all."""
        rows = self.task.parts[part] if rows is None else rows
        examples = head.examples(self.tokens, rows)
        if not (self.frozen and isinstance(head, Head)):
            return examples
        kept = Features.read(features_file(self.data, self.model, self.seed, part))
        return kept.given(examples, rows[ROW].to_list())
