"""What is made once for a task before models are fitted to it; every fit reads it."""

import logging
from collections.abc import Sequence
from pathlib import Path

from tasks.draft import Draft
from tasks.evaluate.encoder import Tokens
from tasks.evaluate.examples import Task
from tasks.evaluate.fitting.augmentation import Augmentation
from tasks.evaluate.fitting.back_translation import checked
from tasks.evaluate.fitting.continued_pretraining import continue_pretraining
from tasks.evaluate.fitting.copies import AT_ONCE, copy_rows, drawn_rows
from tasks.evaluate.fitting.fits import encode
from tasks.evaluate.fitting.own_objectives import objective_of
from tasks.evaluate.fitting.variants import VARIANTS, augments, continues
from tasks.evaluate.fitting.word_operations import WordOperations
from tasks.evaluate.heads import Head, class_of
from tasks.evaluate.kinds import kind_of
from tasks.evaluate.recipe import Recipe
from tasks.evaluate.task import Evaluate

log = logging.getLogger("textmill.evaluate")


def possible(recipe: Recipe, task: Task, checkpoint: Path) -> None:
    """Raises StageFailure when what the recipe adds for a task lacks a file, a model, or a fitting head."""
    if augments(task, recipe):
        check_augmentation(recipe.augmentation)
    if continues(task, recipe):
        tokens = Tokens(checkpoint, recipe.continued.max_length)
        objective_of(checkpoint)(checkpoint, tokens, recipe.continued.rate)


def check_augmentation(settings: Augmentation) -> None:
    """Open what it needs, and forget it."""
    if settings.way == "words":
        WordOperations(settings)
    else:
        for translator in (settings.there, settings.back):
            checked(translator)


def made_ready(
    settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, counts: Sequence[int], models: Sequence[str]
) -> None:
    """Copies of labelled texts, a checkpoint that has read the task's, and what frozen encoders make of all texts."""
    recipe, task = settings.recipe, Task.load(data)
    if "augmented" in models:
        rows = drawn_rows(task, counts, settings.seeds)
        parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
        shards = {f"{data.stem}-{part[0]}": (data, recipe.augmentation, part) for part in parts}
        found = draft.map(copy_rows, shards, f"{task.name}: copies").values()
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
    if recipe.adapt.chosen.frozen and kind_of(task).learns and issubclass(class_of(task), Head):
        encoded(settings, draft, checkpoint, data, models)


def encoded(settings: Evaluate, draft: Draft, checkpoint: Path, data: Path, models: Sequence[str]) -> None:
    """Let a frozen encoder read all texts once, and one of random weights once for every seed."""
    runs = [
        (weights, seed)
        for weights in dict.fromkeys(VARIANTS[model].weights for model in models)
        for seed in (range(settings.seeds) if weights == "random" else [0])
    ]
    shards = {
        f"{data.stem}-{weights}-{seed}": (data, checkpoint, settings.recipe, weights, seed) for weights, seed in runs
    }
    draft.map(encode, shards, f"{data.stem}: encode")
