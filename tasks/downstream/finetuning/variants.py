"""The models of ours that are fitted to a task: each a row of the table, most with one thing added to the first."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import copies_of
from tasks.downstream.finetuning.continued_pretraining import continued_folder
from tasks.downstream.finetuning.loop import Fitted, fit
from tasks.downstream.finetuning.semi_supervised import pseudo_labelled, texts_of
from tasks.downstream.heads import Example, TaskModel, class_of
from tasks.downstream.models.encoder import Tokens
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import load_task_type

Weights = Literal["pretrained", "continued", "random"]


@dataclass(frozen=True)
class Lesson:
    """All that a fit may go by."""

    task: Task
    data: Path
    """the task's file"""
    fresh: Callable[[], TaskModel]
    """makes the model, as it is before any fit"""
    tokens: Tokens
    sample: pl.DataFrame
    """the rows that there are labels of"""
    train: list[Example]
    """the same, as the model reads them"""
    validation: list[Example]
    recipe: Recipe
    rate: float
    seed: int

    def learnt(self, head: TaskModel, more: list[Example], free: list[Example] | None = None) -> Fitted:
        """A fit on the labels and further examples; over those without labels, if given, with consistency."""
        return fit(head, [*self.train, *more], self.validation, self.recipe, self.rate, self.seed, free)


class Variant(NamedTuple):
    """A model that is fitted."""

    applies: Callable[[Task, Recipe], bool]
    learn: Callable[[Lesson, TaskModel], Fitted]
    weights: Weights


def by_labels(lesson: Lesson, head: TaskModel) -> Fitted:
    """From the sample alone."""
    return lesson.learnt(head, [])


def with_copies(lesson: Lesson, head: TaskModel) -> Fitted:
    """From the sample and its altered copies, of which there may be none."""
    copies = copies_of(lesson.data, lesson.sample)
    more = [] if copies.is_empty() else head.learnable(head.examples(lesson.tokens, copies))
    return lesson.learnt(head, more)


def with_unlabelled(lesson: Lesson, head: TaskModel) -> Fitted:
    """From the sample and texts without labels."""
    settings = lesson.recipe.unlabelled
    free = head.examples(lesson.tokens, texts_of(settings, lesson.task))
    if settings.way == "consistency":
        return lesson.learnt(head, [], free)
    teacher = lesson.learnt(head, []).head
    return lesson.learnt(lesson.fresh(), pseudo_labelled(teacher, free, settings.confidence))


def augments(task: Task, recipe: Recipe) -> bool:
    """Whether the task's texts may be altered, and are to be."""
    return recipe.augmentation.way != "none" and task.kind in {"classes", "numbers"}


def continues(task: Task, recipe: Recipe) -> bool:
    """Whether a model reads the task's texts before."""
    return recipe.continued.enabled and load_task_type(task).is_fine_tuned


def semi_supervises(task: Task, recipe: Recipe) -> bool:
    """Whether texts without labels are to help."""
    return recipe.unlabelled.way != "none" and task.kind == "classes"


def always(task: Task, recipe: Recipe) -> bool:  # noqa: ARG001 - one signature for all
    """Whatever is asked for."""
    return True


VARIANTS = {
    "pretrained": Variant(always, by_labels, "pretrained"),
    "random": Variant(always, by_labels, "random"),
    "continued": Variant(continues, by_labels, "continued"),
    "augmented": Variant(augments, with_copies, "pretrained"),
    "unlabelled": Variant(semi_supervises, with_unlabelled, "pretrained"),
}


def models_of(task: Task, recipe: Recipe) -> tuple[str, ...]:
    """The models that are fitted to a task."""
    return tuple(name for name, variant in VARIANTS.items() if variant.applies(task, recipe))


def loaded(task: Task, data: Path, checkpoint: Path, recipe: Recipe, weights: Weights, seed: int) -> TaskModel:
    """A model before any fit."""
    folder = continued_folder(data) if weights == "continued" else checkpoint
    return class_of(task).loaded(folder, task, recipe, random=weights == "random", seed=seed)
