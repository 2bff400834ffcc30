"""What is looked at once before models are fitted, and what is made once for a task; every fit reads it."""

import logging
from collections.abc import Sequence
from pathlib import Path

from tasks.downstream import zero_shot
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import SHARD_TEXTS, find_sampled_rows, write_copies
from tasks.downstream.finetuning.back_translation import resolve_translator
from tasks.downstream.finetuning.continued_pretraining import continue_pretraining
from tasks.downstream.finetuning.lm_losses import find_objective
from tasks.downstream.finetuning.shards import encode_task
from tasks.downstream.finetuning.variants import VARIANTS, uses_augmentation, uses_continued_pretraining
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.heads import Head, find_model_class
from tasks.downstream.models.encoder import CheckpointTokenizer, load_config
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.store import Draft

log = logging.getLogger("textmill.evaluate")

Missing = dict[str, dict[str, str]]
"""For each kind of task the further checkpoints that cannot answer it, by name, and why"""


def suited(settings: Evaluate, checkpoint: Path, data: list[Path]) -> Missing:
    """Which tasks further checkpoints cannot answer, known now and not when their turn comes after hours.

    Raises StageFailure when the checkpoint lacks what a task needs, or when a further one can answer none of them.
    """
    tasks = [Task.load(path) for path in data]
    kinds = {task.kind: task for task in tasks}
    missing: Missing = {kind: {} for kind in kinds}
    with use_one_thread():
        for task in tasks:
            possible(settings.finetuning, task, checkpoint)
        for task in kinds.values():
            answerable(settings.finetuning, task, checkpoint)
        for folder in settings.further():
            for kind, task in kinds.items():
                try:
                    answerable(settings.finetuning, task, folder)
                except StageFailure as error:
                    if sum(folder.name in each for each in missing.values()) == len(kinds) - 1:
                        raise
                    missing[kind][folder.name] = error.what.replace(str(folder), folder.name)
                    names = ", ".join(each.name for each in tasks if each.kind == kind)
                    log.warning("%s is left out of %s: %s", folder.name, names, error.what)
    return missing


def answerable(recipe: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raises StageFailure when a checkpoint cannot answer tasks of this kind, or not in this way."""
    load_config(checkpoint)
    if load_task_type(task).is_fine_tuned:
        find_model_class(task).check_support(checkpoint, recipe)
    else:
        zero_shot.check_zero_shot(task, checkpoint, recipe)


def possible(recipe: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raises StageFailure when what the recipe adds for a task lacks a file, a model, or a fitting head."""
    if uses_augmentation(task, recipe):
        check_augmentation(recipe.augmentation)
    if uses_continued_pretraining(task, recipe):
        tokens = CheckpointTokenizer(checkpoint, recipe.continued_pretraining.max_length)
        find_objective(checkpoint)(checkpoint, tokens, recipe.continued_pretraining.mask_rate)


def check_augmentation(settings: Augmentation) -> None:
    """Open what it needs, and forget it."""
    if settings.method == "words":
        WordOperations(settings)
    else:
        for translator in (settings.forward_model, settings.backward_model):
            resolve_translator(translator)


def made_ready(
    settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, counts: Sequence[int], models: Sequence[str]
) -> None:
    """Copies of labelled texts, a checkpoint that has read the task's, and what frozen encoders make of all texts."""
    recipe, task = settings.finetuning, Task.load(data)
    if "augmented" in models:
        rows = find_sampled_rows(task, counts, settings.seeds)
        parts = [rows[start : start + SHARD_TEXTS] for start in range(0, len(rows), SHARD_TEXTS)]
        shards = {f"{data.stem}-{part[0]}": (data, recipe.augmentation, part) for part in parts}
        found = draft.map(write_copies, shards, f"{task.name}: copies").values()
        told = {name: sum(each[name] for each in found) for name in ("texts", "copies")}
        draft.counts.setdefault("augmentation", {})[task.name] = told
        log.info("%s: %s copies of %s labelled texts", task.name, f"{told['copies']:,}", f"{told['texts']:,}")
    if "continued" in models:
        (told,) = draft.map(
            continue_pretraining, {data.stem: (data, checkpoint, recipe)}, f"{task.name}: continued pretraining"
        ).values()
        draft.counts.setdefault("continued", {})[task.name] = told
        loss = f"{told['loss before']:.2f} to {told['loss after']:.2f}"
        log.info("%s: %s texts brought the loss from %s", task.name, f"{told['texts']:,}", loss)
    if recipe.method.chosen.freezes_encoder and load_task_type(task).is_fine_tuned and issubclass(find_model_class(task), Head):
        encoded(settings, draft, checkpoint, data, models)


def encoded(settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, models: Sequence[str]) -> None:
    """Let a frozen encoder read all texts once, and one of random weights once for every seed."""
    runs = [
        (weights, seed)
        for weights in dict.fromkeys(VARIANTS[model].weights for model in models)
        for seed in (range(settings.seeds) if weights == "random" else [0])
    ]
    shards = {
        f"{data.stem}-{weights}-{seed}": (data, checkpoint, settings.finetuning, weights, seed)
        for weights, seed in runs
    }
    draft.map(encode_task, shards, f"{data.stem}: encode")
