"""Checks before models are fitted: whether the checkpoints can answer the tasks, and have what the recipe needs."""

import logging
from pathlib import Path

from tasks.downstream import zero_shot
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.back_translation import resolve_translator
from tasks.downstream.finetuning.lm_losses import find_objective
from tasks.downstream.finetuning.variants import uses_augmentation, uses_continued_pretraining
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.heads import find_model_class
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_config
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
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
    # One task of each type: a checkpoint's ability depends on the type alone.
    task_by_type = {task.kind: task for task in tasks}
    unsupported: UnsupportedReasons = {task_type: {} for task_type in task_by_type}
    with use_one_thread():
        for task in tasks:
            check_recipe_support(settings.finetuning, task, checkpoint)
        for task in task_by_type.values():
            check_task_support(settings.finetuning, task, checkpoint)
        for folder in settings.checkpoint_folders():
            for task_type, task in task_by_type.items():
                try:
                    check_task_support(settings.finetuning, task, folder)
                except StageFailure as error:
                    num_unsupported = sum(folder.name in reasons for reasons in unsupported.values())
                    # The last type that the checkpoint could have answered.
                    if num_unsupported == len(task_by_type) - 1:
                        raise
                    # Without the path, which would make the report differ from machine to machine.
                    unsupported[task_type][folder.name] = error.what.replace(str(folder), folder.name)
                    names = ", ".join(task.name for task in tasks if task.kind == task_type)
                    log.warning("%s is left out of %s: %s", folder.name, names, error.what)
    return unsupported


def check_task_support(finetuning: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when a checkpoint cannot answer tasks of this type, or cannot be fine-tuned in this way."""
    load_config(checkpoint)
    if load_task_type(task).is_fine_tuned:
        find_model_class(task).check_support(checkpoint, finetuning)
    else:
        zero_shot.check_zero_shot(task, checkpoint, finetuning)


def check_recipe_support(finetuning: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when augmentation or continued pretraining lacks a file, a model, or a language-model head."""
    if uses_augmentation(task, finetuning):
        check_augmentation(finetuning.augmentation)
    if uses_continued_pretraining(task, finetuning):
        tokens = CheckpointTokenizer(checkpoint, finetuning.continued_pretraining.max_length)
        find_objective(checkpoint)(checkpoint, tokens, finetuning.continued_pretraining.mask_rate)


def check_augmentation(settings: Augmentation) -> None:
    """Raise StageFailure when the word list or a translation model of augmentation cannot be opened."""
    if settings.method == "words":
        WordOperations(settings)
    else:
        for translator in (settings.forward_model, settings.backward_model):
            resolve_translator(translator)
