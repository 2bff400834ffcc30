"""Checks before models are fitted: whether the checkpoints can answer the tasks, and have what the recipe needs."""

import logging
from pathlib import Path

from tasks.downstream import zero_shot
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.back_translation import checked
from tasks.downstream.finetuning.lm_losses import objective_of
from tasks.downstream.finetuning.variants import augments, continues
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.heads import class_of
from tasks.downstream.models.encoder import Tokens, config_of
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import kind_of
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate

log = logging.getLogger("textmill.evaluate")

UnsupportedReasons = dict[str, dict[str, str]]
"""Task type → name of a further checkpoint that cannot answer tasks of this type → the reason."""


def find_unsupported(settings: Evaluate, checkpoint: Path, task_files: list[Path]) -> UnsupportedReasons:
    """Find the tasks that further checkpoints cannot answer, now and not when their turn comes after hours.

    Raises StageFailure when the checkpoint itself lacks what a task needs, or when a further one can answer no task.
    """
    tasks = [Task.load(path) for path in task_files]
    task_by_type = {task.kind: task for task in tasks}
    unsupported: UnsupportedReasons = {task_type: {} for task_type in task_by_type}
    with one_thread():
        for task in tasks:
            check_recipe_support(settings.recipe, task, checkpoint)
        for task in task_by_type.values():
            check_task_support(settings.recipe, task, checkpoint)
        for folder in settings.checkpoint_folders():
            for task_type, task in task_by_type.items():
                try:
                    check_task_support(settings.recipe, task, folder)
                except StageFailure as error:
                    num_unsupported = sum(folder.name in reasons for reasons in unsupported.values())
                    if num_unsupported == len(task_by_type) - 1:  # this was the last type that it could have answered
                        raise
                    unsupported[task_type][folder.name] = error.what.replace(str(folder), folder.name)
                    names = ", ".join(task.name for task in tasks if task.kind == task_type)
                    log.warning("%s is left out of %s: %s", folder.name, names, error.what)
    return unsupported


def check_task_support(finetuning: Recipe, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when a checkpoint cannot answer tasks of this type, or cannot be fine-tuned in this way."""
    config_of(checkpoint)
    if kind_of(task).learns:
        class_of(task).check(checkpoint, finetuning)
    else:
        zero_shot.check(task, checkpoint, finetuning)


def check_recipe_support(finetuning: Recipe, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when augmentation or continued pretraining lacks a file, a model, or a language-model head."""
    if augments(task, finetuning):
        check_augmentation(finetuning.augmentation)
    if continues(task, finetuning):
        tokens = Tokens(checkpoint, finetuning.continued.max_length)
        objective_of(checkpoint)(checkpoint, tokens, finetuning.continued.rate)


def check_augmentation(settings: Augmentation) -> None:
    """Raise StageFailure when the word list or a translation model of augmentation cannot be opened."""
    if settings.way == "words":
        WordOperations(settings)
    else:
        for translator in (settings.there, settings.back):
            checked(translator)
