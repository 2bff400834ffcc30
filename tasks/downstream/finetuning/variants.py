"""The models of ours that are fitted to a task: each a row of the table, most with one thing added to the first."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import read_copies
from tasks.downstream.finetuning.continued_pretraining import continued_folder
from tasks.downstream.finetuning.loop import FittedModel, fit_model
from tasks.downstream.finetuning.semi_supervised import add_pseudo_labels, load_unlabelled_texts
from tasks.downstream.heads import Example, TaskModel, find_model_class
from tasks.downstream.models.encoder import CheckpointTokenizer
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import kind_of

WeightSource = Literal["pretrained", "continued", "random"]


@dataclass(frozen=True)
class TrainingSet:
    """All that a fit may go by."""

    task: Task
    data: Path
    """the task's file"""
    fresh: Callable[[], TaskModel]
    """makes the model, as it is before any fit"""
    tokens: CheckpointTokenizer
    sample: pl.DataFrame
    """the rows that there are labels of"""
    train: list[Example]
    """the same, as the model reads them"""
    validation: list[Example]
    recipe: FineTuning
    rate: float
    seed: int

    def learnt(self, head: TaskModel, more: list[Example], free: list[Example] | None = None) -> FittedModel:
        """A fit on the labels and further examples; over those without labels, if given, with consistency."""
        return fit_model(head, [*self.train, *more], self.validation, self.recipe, self.rate, self.seed, free)


class ModelVariant(NamedTuple):
    """A model that is fitted."""

    applies: Callable[[Task, FineTuning], bool]
    learn: Callable[[TrainingSet, TaskModel], FittedModel]
    weights: WeightSource


def fit_on_labels(lesson: TrainingSet, head: TaskModel) -> FittedModel:
    """From the sample alone."""
    return lesson.learnt(head, [])


def fit_with_augmentation(lesson: TrainingSet, head: TaskModel) -> FittedModel:
    """From the sample and its altered copies, of which there may be none."""
    copies = read_copies(lesson.data, lesson.sample)
    more = [] if copies.is_empty() else head.learnable(head.examples(lesson.tokens, copies))
    return lesson.learnt(head, more)


def fit_with_unlabelled(lesson: TrainingSet, head: TaskModel) -> FittedModel:
    """From the sample and texts without labels."""
    settings = lesson.recipe.unlabelled
    free = head.examples(lesson.tokens, load_unlabelled_texts(settings, lesson.task))
    if settings.way == "consistency":
        return lesson.learnt(head, [], free)
    teacher = lesson.learnt(head, []).head
    return lesson.learnt(lesson.fresh(), add_pseudo_labels(teacher, free, settings.confidence))


def uses_augmentation(task: Task, recipe: FineTuning) -> bool:
    """Whether the task's texts may be altered, and are to be."""
    return recipe.augmentation.way != "none" and task.kind in {"classes", "numbers"}


def uses_continued_pretraining(task: Task, recipe: FineTuning) -> bool:
    """Whether a model reads the task's texts before."""
    return recipe.continued.enabled and kind_of(task).learns


def uses_unlabelled(task: Task, recipe: FineTuning) -> bool:
    """Whether texts without labels are to help."""
    return recipe.unlabelled.way != "none" and task.kind == "classes"


def applies_always(task: Task, recipe: FineTuning) -> bool:  # noqa: ARG001 - one signature for all
    """Whatever is asked for."""
    return True


VARIANTS = {
    "pretrained": ModelVariant(applies_always, fit_on_labels, "pretrained"),
    "random": ModelVariant(applies_always, fit_on_labels, "random"),
    "continued": ModelVariant(uses_continued_pretraining, fit_on_labels, "continued"),
    "augmented": ModelVariant(uses_augmentation, fit_with_augmentation, "pretrained"),
    "unlabelled": ModelVariant(uses_unlabelled, fit_with_unlabelled, "pretrained"),
}


def list_models(task: Task, recipe: FineTuning) -> tuple[str, ...]:
    """The models that are fitted to a task."""
    return tuple(name for name, variant in VARIANTS.items() if variant.applies(task, recipe))


def load_task_model(
    task: Task, data: Path, checkpoint: Path, recipe: FineTuning, weights: WeightSource, seed: int
) -> TaskModel:
    """A model before any fit."""
    folder = continued_folder(data) if weights == "continued" else checkpoint
    return find_model_class(task).loaded(folder, task, recipe, random=weights == "random", seed=seed)
