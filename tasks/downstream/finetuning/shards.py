"""The shards of an evaluation: one function call is one fit. Each reads the task from a file and writes its answers."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream import attributions
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen import Features
from tasks.downstream.finetuning.loop import Fitted
from tasks.downstream.finetuning.split_examples import Parts, features_file
from tasks.downstream.finetuning.variants import VARIANTS, Lesson, Weights, loaded
from tasks.downstream.heads import Head
from tasks.downstream.models.encoder import Tokens
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import load_task_type
from tasks.downstream.zero_shot import read

Counts = dict[str, Any]


def choose(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """How one learning rate does on validation. It never reads the test part, and writes no file."""
    del out
    with one_thread():
        fitted, _ = _fitted(data, checkpoint, recipe, model, labels, seed, rate)
    return {"score": fitted.best.score, "loss": fitted.best.loss}


def score(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Fit with the chosen learning rate, then answer the test part once. Writes `fits/…parquet`, a row per example."""
    task = Task.load(data)
    if not load_task_type(task).is_fine_tuned:
        answers = read(task, checkpoint, recipe, model, seed)
        return _written(out, task, model, labels, seed, answers) | {"chosen": {}, "validation": None, "curve": []}
    with one_thread():
        fitted, examples = _fitted(data, checkpoint, recipe, model, labels, seed, rate)
        _, answers = fitted.head.judged(examples(fitted.head, "test"))
    if isinstance(fitted.head, Head) and task.kind in attributions.POINTS and (model, seed) == ("pretrained", 0):
        with one_thread():
            attributions.write(out / attribution_file(task.name, labels), fitted.head, examples.tokens, answers)
    counts = _written(out, task, model, labels, seed, answers)
    return counts | {
        "chosen": {"learning rate": rate},
        "validation": fitted.best.score,
        "curve": curve(fitted.losses),
    }


def curve(losses: list[float], most_points: int = 12) -> list[tuple[int, float]]:
    """Step and training loss, averaged over stretches of steps: one step of a few texts is noise."""
    stretches = np.array_split(np.arange(len(losses)), min(most_points, len(losses)))
    return [(int(steps[-1]) + 1, float(np.mean([losses[step] for step in steps]))) for steps in stretches]


def baseline(out: Path, data: Path, model: str, labels: int, seed: int) -> Counts:
    """Answer with one of the kind's baselines, from the same sample. Writes `fits/…parquet`."""
    task = Task.load(data)
    kind = load_task_type(task)
    guess = kind.baselines[model](task, kind.sample(task, labels, seed))
    counts = _written(out, task, model, labels, seed, guess.answers)
    return counts | {"chosen": guess.chosen, "validation": guess.validation, "curve": []}


def fit_file(name: str, model: str, labels: int, seed: int) -> str:
    """Where the answers of one fit are, inside the artifact."""
    return f"fits/{name}/{model}-{labels}-{seed}.parquet"


def attribution_file(name: str, labels: int) -> str:
    """Where it is told what the pretrained model with the first seed looked at, inside the artifact."""
    return f"attributions/{name}/{labels}.jsonl"


def encode(out: Path, data: Path, checkpoint: Path, recipe: Recipe, weights: Weights, seed: int) -> Counts:
    """What a frozen encoder makes of all parts that have rows, for every fit on it. Writes files beside the task's."""
    task = Task.load(data)
    with one_thread():
        head, tokens = loaded(task, data, checkpoint, recipe, weights, seed), _tokens(checkpoint, recipe)
        assert isinstance(head, Head)
        (out / data.parent.name).mkdir()
        for name, part in task.parts.items():
            if part.is_empty():  # a search of settings has no test part
                continue
            path = out / data.parent.name / features_file(data, weights, seed, name).name
            Features.written(head, head.examples(tokens, part), path)
    return {}


def _tokens(checkpoint: Path, recipe: Recipe) -> Tokens:
    return Tokens(checkpoint, recipe.max_length, recipe.adapt.chosen.places)


def _fitted(
    data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> tuple[Fitted, Parts]:
    task, variant, tokens = Task.load(data), VARIANTS[model], _tokens(checkpoint, recipe)
    fresh = partial(loaded, task, data, checkpoint, recipe, variant.weights, seed)
    examples, head = Parts(data, tokens, recipe, variant.weights, seed), fresh()
    sample = load_task_type(task).sample(examples.task, labels, seed)
    train, validation = head.learnable(examples(head, "train", sample)), examples(head, "validation")
    lesson = Lesson(task, data, fresh, tokens, sample, train, validation, recipe, rate, seed)
    return variant.learn(lesson, head), examples


def _written(out: Path, task: Task, model: str, labels: int, seed: int, answers: pl.DataFrame) -> Counts:
    path = out / fit_file(task.name, model, labels, seed)
    path.parent.mkdir(parents=True)
    answers.with_row_index("row").write_parquet(path)
    found = load_task_type(task).score_answers(task, task.test, answers)
    return {"metrics": {name: score.value for name, score in found.items()}}
