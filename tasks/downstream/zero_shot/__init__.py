"""How a model answers as it is, without fine-tuning: one file a kind of task, with functions `opened` and `answers`."""

import importlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.encoder import CheckpointTokenizer, Encoder, load_encoder
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning


class ModelSource(NamedTuple):
    """A checkpoint, or its architecture with random weights."""

    checkpoint: Path
    random: bool
    seed: int
    """of random weights, and of what is drawn from a model"""
    most_tokens: int
    """that are read at once"""

    def language_model(self) -> LanguageModel:
        """With the head over the vocabulary."""
        return LanguageModel(self.checkpoint, random=self.random, seed=self.seed, most_tokens=self.most_tokens)

    def encoder(self) -> tuple[Encoder, CheckpointTokenizer]:
        """Without it."""
        return load_encoder(self.checkpoint, random=self.random, seed=self.seed), CheckpointTokenizer(
            self.checkpoint, self.most_tokens
        )


class ZeroShotModel(Protocol):
    """A module of this folder, named after a kind that learns nothing."""

    def opened(self, weights: ModelSource) -> Any:
        """The model that answers. Raises StageFailure when it cannot."""

    def answers(self, task: Task, weights: ModelSource) -> pl.DataFrame:
        """Answers to the test part, a row an example, as the kind scores them."""


def answer_zero_shot(task: Task, checkpoint: Path, recipe: FineTuning, model: str, seed: int) -> pl.DataFrame:
    """Answers of a model to the test part of a task that nothing is learnt for."""
    with use_one_thread():
        return _import_module(task).answers(task, ModelSource(checkpoint, model == "random", seed, recipe.max_length))


def check_zero_shot(task: Task, checkpoint: Path, recipe: FineTuning) -> None:
    """Raises StageFailure when the checkpoint cannot answer tasks of this kind."""
    _import_module(task).opened(ModelSource(checkpoint, False, 0, recipe.max_length))


def _import_module(task: Task) -> ZeroShotModel:
    return cast("ZeroShotModel", importlib.import_module(f"{__name__}.{task.kind}"))
