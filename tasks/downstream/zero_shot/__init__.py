"""Answers of models without fine-tuning: one module a task type, with functions `open_model` and `answer_task`."""

import importlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import Encoder, load_encoder
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning


class ModelSource(NamedTuple):
    """A checkpoint, or its architecture with random weights, that is opened as an encoder or a language model."""

    checkpoint: Path
    random: bool
    seed: int
    """seed of random weights, and of texts that are sampled from a model"""
    max_tokens: int
    """tokens that the model reads at once at most"""

    def load_language_model(self) -> LanguageModel:
        """Open the model with its language-model head."""
        return LanguageModel(self.checkpoint, random=self.random, seed=self.seed, max_tokens=self.max_tokens)

    def load_encoder(self) -> tuple[Encoder, CheckpointTokenizer]:
        """Open the model without its head, and its tokenizer."""
        encoder = load_encoder(self.checkpoint, random=self.random, seed=self.seed)
        return encoder, CheckpointTokenizer(self.checkpoint, self.max_tokens)


class ZeroShotModel(Protocol):
    """The interface of a module of this folder, which is named after a task type without training."""

    def open_model(self, source: ModelSource) -> Any:
        """Open the model that answers. Raises StageFailure when it cannot answer."""

    def answer_task(self, task: Task, source: ModelSource) -> pl.DataFrame:
        """Return answers to the test part, a row an example, in the columns that the task type scores."""


def answer_zero_shot(task: Task, checkpoint: Path, finetuning: FineTuning, model: str, seed: int) -> pl.DataFrame:
    """Return a model's answers to the test part of a task without training; `model` is "pretrained" or "random"."""
    source = ModelSource(checkpoint, model == "random", seed, finetuning.max_length)
    with use_one_thread():
        return _import_module(task).answer_task(task, source)


def check_zero_shot(task: Task, checkpoint: Path, finetuning: FineTuning) -> None:
    """Raise StageFailure when the checkpoint cannot answer tasks of this type."""
    _import_module(task).open_model(ModelSource(checkpoint, False, 0, finetuning.max_length))


def _import_module(task: Task) -> ZeroShotModel:
    return cast("ZeroShotModel", importlib.import_module(f"{__name__}.{task.kind}"))
