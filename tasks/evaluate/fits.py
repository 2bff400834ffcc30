"""The shards of an evaluation: one function call is one fit. Each reads the task from a file and writes its answers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.evaluate import attributions
from tasks.evaluate.encoder import Tokens
from tasks.evaluate.examples import Task
from tasks.evaluate.finetune import Fitted, fit, one_thread
from tasks.evaluate.heads import class_of
from tasks.evaluate.heads.classes import ClassHead
from tasks.evaluate.kinds import kind_of
from tasks.evaluate.reading import read
from tasks.evaluate.recipe import Recipe

Counts = dict[str, Any]
MODELS = ("pretrained", "random")


def choose(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """How one learning rate does on validation. It never reads the test part, and writes no file."""
    del out
    with one_thread():
        fitted, _ = _fitted(Task.load(data), checkpoint, recipe, model, labels, seed, rate)
    return {"score": fitted.best.score, "loss": fitted.best.loss}


def score(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Fit with the chosen learning rate, then answer the test part once. Writes `fits/…parquet`, a row per example."""
    task = Task.load(data)
    if not kind_of(task).learns:
        answers = read(task, checkpoint, recipe, model, seed)
        return _written(out, task, model, labels, seed, answers) | {"chosen": {}, "validation": None, "curve": []}
    with one_thread():
        fitted, tokens = _fitted(task, checkpoint, recipe, model, labels, seed, rate)
        _, answers = fitted.head.judged(fitted.head.examples(tokens, task.test))
    if isinstance(fitted.head, ClassHead) and (model, seed) == ("pretrained", 0):
        with one_thread():
            attributions.write(out / attribution_file(task.name, labels), fitted.head, tokens, answers)
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
    kind = kind_of(task)
    guess = kind.baselines[model](task, kind.sample(task, labels, seed))
    counts = _written(out, task, model, labels, seed, guess.answers)
    return counts | {"chosen": guess.chosen, "validation": guess.validation, "curve": []}


def fit_file(name: str, model: str, labels: int, seed: int) -> str:
    """Where the answers of one fit are, inside the artifact."""
    return f"fits/{name}/{model}-{labels}-{seed}.parquet"


def attribution_file(name: str, labels: int) -> str:
    """Where it is told what the pretrained model with the first seed looked at, inside the artifact."""
    return f"attributions/{name}/{labels}.jsonl"


def _fitted(
    task: Task, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> tuple[Fitted, Tokens]:
    tokens = Tokens(checkpoint, recipe.max_length)
    head = class_of(task).loaded(checkpoint, task, recipe, random=model == "random", seed=seed)
    sample = kind_of(task).sample(task, labels, seed)
    train, validation = (head.examples(tokens, part) for part in (sample, task.validation))
    return fit(head, head.learnable(train), validation, recipe, rate, seed), tokens


def _written(out: Path, task: Task, model: str, labels: int, seed: int, answers: pl.DataFrame) -> Counts:
    path = out / fit_file(task.name, model, labels, seed)
    path.parent.mkdir(parents=True)
    answers.with_row_index("row").write_parquet(path)
    found = kind_of(task).scores(task, task.test, answers)
    return {"metrics": {name: score.value for name, score in found.items()}}
