"""The shards of an evaluation: one function call is one fit. Each reads the task from a file and writes its answers."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream import attributions
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import FrozenFeatures
from tasks.downstream.finetuning.loop import FittedModel
from tasks.downstream.finetuning.split_examples import SplitExamples, features_file
from tasks.downstream.finetuning.variants import VARIANTS, TrainingSet, WeightSource, load_task_model
from tasks.downstream.heads import Head
from tasks.downstream.models.encoder import CheckpointTokenizer
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import kind_of
from tasks.downstream.zero_shot import answer_zero_shot

Counts = dict[str, Any]


def validate_rate(
    out: Path, data: Path, checkpoint: Path, recipe: FineTuning, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """How one learning rate does on validation. It never reads the test part, and writes no file."""
    del out
    with use_one_thread():
        fitted, _ = _fit(data, checkpoint, recipe, model, labels, seed, rate)
    return {"score": fitted.best.score, "loss": fitted.best.loss}


def fit_and_score(
    out: Path, data: Path, checkpoint: Path, recipe: FineTuning, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Fit with the chosen learning rate, then answer the test part once. Writes `fits/…parquet`, a row per example."""
    task = Task.load(data)
    if not kind_of(task).learns:
        answers = answer_zero_shot(task, checkpoint, recipe, model, seed)
        return _write_answers(out, task, model, labels, seed, answers) | {"chosen": {}, "validation": None, "curve": []}
    with use_one_thread():
        fitted, examples = _fit(data, checkpoint, recipe, model, labels, seed, rate)
        _, answers = fitted.head.judged(examples(fitted.head, "test"))
    if isinstance(fitted.head, Head) and task.kind in attributions.PATH_POINTS and (model, seed) == ("pretrained", 0):
        with use_one_thread():
            attributions.write_attributions(
                out / attribution_file(task.name, labels), fitted.head, examples.tokens, answers
            )
    counts = _write_answers(out, task, model, labels, seed, answers)
    return counts | {
        "chosen": {"learning rate": rate},
        "validation": fitted.best.score,
        "curve": summarize_losses(fitted.losses),
    }


def summarize_losses(losses: list[float], most_points: int = 12) -> list[tuple[int, float]]:
    """Step and training loss, averaged over stretches of steps: one step of a few texts is noise."""
    stretches = np.array_split(np.arange(len(losses)), min(most_points, len(losses)))
    return [(int(steps[-1]) + 1, float(np.mean([losses[step] for step in steps]))) for steps in stretches]


def score_baseline(out: Path, data: Path, model: str, labels: int, seed: int) -> Counts:
    """Answer with one of the kind's baselines, from the same sample. Writes `fits/…parquet`."""
    task = Task.load(data)
    kind = kind_of(task)
    guess = kind.baselines[model](task, kind.sample(task, labels, seed))
    counts = _write_answers(out, task, model, labels, seed, guess.answers)
    return counts | {"chosen": guess.chosen, "validation": guess.validation, "curve": []}


def fit_file(name: str, model: str, labels: int, seed: int) -> str:
    """Where the answers of one fit are, inside the artifact."""
    return f"fits/{name}/{model}-{labels}-{seed}.parquet"


def attribution_file(name: str, labels: int) -> str:
    """Where it is told what the pretrained model with the first seed looked at, inside the artifact."""
    return f"attributions/{name}/{labels}.jsonl"


def encode_task(
    out: Path, data: Path, checkpoint: Path, recipe: FineTuning, weights: WeightSource, seed: int
) -> Counts:
    """What a frozen encoder makes of all parts that have rows, for every fit on it. Writes files beside the task's."""
    task = Task.load(data)
    with use_one_thread():
        head, tokens = (
            load_task_model(task, data, checkpoint, recipe, weights, seed),
            _load_tokenizer(checkpoint, recipe),
        )
        assert isinstance(head, Head)
        (out / data.parent.name).mkdir()
        for name, part in task.parts.items():
            if part.is_empty():  # a search of settings has no test part
                continue
            path = out / data.parent.name / features_file(data, weights, seed, name).name
            FrozenFeatures.written(head, head.examples(tokens, part), path)
    return {}


def _load_tokenizer(checkpoint: Path, recipe: FineTuning) -> CheckpointTokenizer:
    return CheckpointTokenizer(checkpoint, recipe.max_length, recipe.adapt.chosen.places)


def _fit(
    data: Path, checkpoint: Path, recipe: FineTuning, model: str, labels: int, seed: int, rate: float
) -> tuple[FittedModel, SplitExamples]:
    task, variant, tokens = Task.load(data), VARIANTS[model], _load_tokenizer(checkpoint, recipe)
    fresh = partial(load_task_model, task, data, checkpoint, recipe, variant.weights, seed)
    examples, head = SplitExamples(data, tokens, recipe, variant.weights, seed), fresh()
    sample = kind_of(task).sample(examples.task, labels, seed)
    train, validation = head.learnable(examples(head, "train", sample)), examples(head, "validation")
    lesson = TrainingSet(task, data, fresh, tokens, sample, train, validation, recipe, rate, seed)
    return variant.learn(lesson, head), examples


def _write_answers(out: Path, task: Task, model: str, labels: int, seed: int, answers: pl.DataFrame) -> Counts:
    path = out / fit_file(task.name, model, labels, seed)
    path.parent.mkdir(parents=True)
    answers.with_row_index("row").write_parquet(path)
    found = kind_of(task).scores(task, task.test, answers)
    return {"metrics": {name: score.value for name, score in found.items()}}
