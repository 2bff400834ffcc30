"""The models that are fitted to a task: each is a row of the table, most with one thing added to the first."""

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
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type

WeightSource = Literal["pretrained", "continued", "random"]


@dataclass(frozen=True)
class TrainingSet:
    """The data and settings of a fit."""

    task: Task
    data: Path
    """the task's file"""
    make_model: Callable[[], TaskModel]
    """loads the model as it is before any fit"""
    tokenizer: CheckpointTokenizer
    sample: pl.DataFrame
    """the labelled rows"""
    train: list[Example]
    """the labelled rows as the model reads them"""
    validation: list[Example]
    finetuning: FineTuning
    rate: float
    seed: int

    def fit(self, head: TaskModel, added: list[Example], unlabelled: list[Example] | None = None) -> FittedModel:
        """Fit a model on the labelled and the added examples, with the consistency loss on unlabelled ones, if any."""
        examples = [*self.train, *added]
        return fit_model(head, examples, self.validation, self.finetuning, self.rate, self.seed, unlabelled)


class ModelVariant(NamedTuple):
    """A way to fit a model, the tasks and settings that it applies to, and the weights that it begins with."""

    applies: Callable[[Task, FineTuning], bool]
    fit: Callable[[TrainingSet, TaskModel], FittedModel]
    weights: WeightSource


def fit_on_labels(training_set: TrainingSet, head: TaskModel) -> FittedModel:
    """Fit a model on the labelled sample alone."""
    return training_set.fit(head, [])


def fit_with_augmentation(training_set: TrainingSet, head: TaskModel) -> FittedModel:
    """Fit a model on the labelled sample and its altered copies, of which there may be none."""
    copies = read_copies(training_set.data, training_set.sample)
    added = []
    if not copies.is_empty():
        added = head.select_learnable(head.make_examples(training_set.tokenizer, copies))
    return training_set.fit(head, added)


def fit_with_unlabelled(training_set: TrainingSet, head: TaskModel) -> FittedModel:
    """Fit a model on the labelled sample and texts without labels."""
    settings = training_set.finetuning.unlabelled
    unlabelled = head.make_examples(training_set.tokenizer, load_unlabelled_texts(settings, training_set.task))
    if settings.method == "consistency":
        return training_set.fit(head, [], unlabelled)
    teacher = training_set.fit(head, []).head
    # The student is a new model: it begins where the teacher began, and not with the teacher's weights.
    return training_set.fit(training_set.make_model(), add_pseudo_labels(teacher, unlabelled, settings.min_confidence))


def uses_augmentation(task: Task, finetuning: FineTuning) -> bool:
    """Return whether the settings ask for augmentation and the task's texts may be altered."""
    return finetuning.augmentation.method != "none" and task.kind in {"classes", "numbers"}


def uses_continued_pretraining(task: Task, finetuning: FineTuning) -> bool:
    """Return whether a model is pretrained on the task's texts before it is fitted."""
    return finetuning.continued_pretraining.enabled and load_task_type(task).is_fine_tuned


def uses_unlabelled(task: Task, finetuning: FineTuning) -> bool:
    """Return whether a model is fitted with texts without labels."""
    return finetuning.unlabelled.method != "none" and task.kind == "classes"


def applies_always(task: Task, finetuning: FineTuning) -> bool:  # noqa: ARG001 - one signature for all
    """Return True for all tasks and settings."""
    return True


VARIANTS = {
    "pretrained": ModelVariant(applies_always, fit_on_labels, "pretrained"),
    "random": ModelVariant(applies_always, fit_on_labels, "random"),
    "continued": ModelVariant(uses_continued_pretraining, fit_on_labels, "continued"),
    "augmented": ModelVariant(uses_augmentation, fit_with_augmentation, "pretrained"),
    "unlabelled": ModelVariant(uses_unlabelled, fit_with_unlabelled, "pretrained"),
}


def list_models(task: Task, finetuning: FineTuning) -> tuple[str, ...]:
    """Return the names of the models that are fitted to a task."""
    return tuple(name for name, variant in VARIANTS.items() if variant.applies(task, finetuning))


def load_task_model(
    task: Task, data: Path, checkpoint: Path, finetuning: FineTuning, weights: WeightSource, seed: int
) -> TaskModel:
    """Load a model as it is before any fit."""
    folder = continued_folder(data) if weights == "continued" else checkpoint
    return find_model_class(task, finetuning.head).load(folder, task, finetuning, random=weights == "random", seed=seed)
