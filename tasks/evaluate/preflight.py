"""Checks before models are fitted: whether the checkpoints can answer the tasks, and have what the recipe needs."""

import logging
from collections.abc import Mapping
from pathlib import Path

from tasks.downstream.check_support import check_recipe_support, check_task_support
from tasks.downstream.data.task_data import Task
from tasks.downstream.kept_models.record import KeptFolder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate

log = logging.getLogger("textmill.evaluate")

UnsupportedReasons = dict[str, dict[str, str]]
"""Task type → name of a further checkpoint that cannot answer tasks of this type → the reason."""


def find_unsupported(
    settings: Evaluate, checkpoint: Path, task_files: list[Path], kept: Mapping[str, KeptFolder]
) -> UnsupportedReasons:
    """Find the tasks that further checkpoints cannot answer, now and not when their turn comes after hours.

    Raises StageFailure when the checkpoint itself lacks what a task needs, or when a further one can answer no task.
    """
    tasks = [Task.load(path) for path in task_files]
    # One task of each type: a checkpoint's ability depends on the type alone.
    task_by_type = {task.kind: task for task in tasks}
    recipes = {task.name: settings.finetuning for task in tasks}
    recipes |= {name: model.record.finetuning for name, model in kept.items()}
    unsupported: UnsupportedReasons = {task_type: {} for task_type in task_by_type}
    with use_one_thread():
        for task in tasks:
            check_recipe_support(recipes[task.name], task, checkpoint)
        # a kept model has a recipe of its own
        for task in {(task.kind, recipes[task.name].model_dump_json()): task for task in tasks}.values():
            check_task_support(recipes[task.name], task, checkpoint)
        for folder in settings.checkpoint_folders():
            for task_type, task in task_by_type.items():
                try:
                    check_task_support(recipes[task.name], task, folder)
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
