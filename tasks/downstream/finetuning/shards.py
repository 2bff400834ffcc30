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
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.downstream.zero_shot import answer_zero_shot

Counts = dict[str, Any]


def validate_rate(
    out: Path, data: Path, checkpoint: Path, finetuning: FineTuning, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Return a learning rate's score and loss on validation. Never reads the test part, and writes no file."""
    # Every shard gets a folder for files; this one writes none.
    del out
    with use_one_thread():
        fitted, _ = fit_variant(data, checkpoint, finetuning, model, labels, seed, rate)
    return {"score": fitted.best.score, "loss": fitted.best.loss}


def fit_and_score(  # noqa: PLR0917 - arguments of shards have no names
    out: Path,
    data: Path,
    checkpoint: Path,
    finetuning: FineTuning,
    model: str,
    labels: int,
    seed: int,
    rate: float,
    is_explained: bool = True,
) -> Counts:
    """Fit with the chosen learning rate, then answer the test part once. Writes `fits/…parquet`, a row an example.

    A task without training is answered zero-shot. With `is_explained` the pretrained model's answers with the first
    seed are explained, by attributions that consist of the texts' tokens.
    """
    task = Task.load(data)
    if not load_task_type(task).is_fine_tuned:
        answers = answer_zero_shot(task, checkpoint, finetuning, model, seed)
        counts = write_answers(out, task, model, labels, seed, answers)
        return counts | {"chosen": {}, "validation": None, "curve": []}
    with use_one_thread():
        fitted, examples = fit_variant(data, checkpoint, finetuning, model, labels, seed, rate)
        _, answers = fitted.head.evaluate(examples(fitted.head, "test"))
    is_explained &= task.kind in attributions.PATH_POINTS and (model, seed) == ("pretrained", 0)
    if isinstance(fitted.head, Head) and is_explained:
        with use_one_thread():
            path = out / attribution_file(task.name, labels)
            attributions.write_attributions(path, fitted.head, examples.tokenizer, answers)
    counts = write_answers(out, task, model, labels, seed, answers)
    return counts | {
        "chosen": {"learning rate": rate},
        "validation": fitted.best.score,
        "curve": summarize_losses(fitted.losses),
    }


def summarize_losses(losses: list[float], max_points: int = 12) -> list[tuple[int, float]]:
    """Return steps and training losses, averaged over ranges of steps: one step of a few texts is noise."""
    ranges = np.array_split(np.arange(len(losses)), min(max_points, len(losses)))
    return [(int(steps[-1]) + 1, float(np.mean([losses[step] for step in steps]))) for steps in ranges]


def score_baseline(out: Path, data: Path, model: str, labels: int, seed: int) -> Counts:
    """Answer the test part by one of the task type's baselines, from the same sample. Writes `fits/…parquet`."""
    task = Task.load(data)
    kind = load_task_type(task)
    predictions = kind.baselines[model](task, kind.sample(task, labels, seed))
    counts = write_answers(out, task, model, labels, seed, predictions.answers)
    return counts | {"chosen": predictions.chosen, "validation": predictions.validation, "curve": []}


def name_shard(data: Path, *run: Any) -> str:
    """Return the name of a shard: the task's, then what tells its run from others."""
    return "-".join([data.stem, *map(str, run)])


def fit_file(name: str, model: str, labels: int, seed: int) -> str:
    """Return the path inside the artifact of one fit's answers."""
    return f"fits/{name}/{model}-{labels}-{seed}.parquet"


def attribution_file(name: str, labels: int) -> str:
    """Return the path inside the artifact of the attributions of the pretrained model with the first seed."""
    return f"attributions/{name}/{labels}.jsonl"


def encode_task(
    out: Path, data: Path, checkpoint: Path, finetuning: FineTuning, weights: WeightSource, seed: int
) -> Counts:
    """Compute a frozen encoder's features of all parts, for every fit on it. Writes files beside the task's."""
    task = Task.load(data)
    with use_one_thread():
        head = load_task_model(task, data, checkpoint, finetuning, weights, seed)
        tokenizer = _load_tokenizer(checkpoint, finetuning)
        assert isinstance(head, Head)
        (out / data.parent.name).mkdir()
        for split, rows in task.parts.items():
            # a search of settings has no test part
            if rows.is_empty():
                continue
            path = out / data.parent.name / features_file(data, weights, seed, split).name
            FrozenFeatures.write(head, head.make_examples(tokenizer, rows), path)
    return {}


def _load_tokenizer(checkpoint: Path, finetuning: FineTuning) -> CheckpointTokenizer:
    return CheckpointTokenizer(checkpoint, finetuning.max_length, finetuning.method.chosen.reserved_positions)


def fit_variant(
    data: Path, checkpoint: Path, finetuning: FineTuning, model: str, labels: int, seed: int, rate: float
) -> tuple[FittedModel, SplitExamples]:
    """Fit one of the models of a task; also return the task's examples as it reads them. Call it with one thread."""
    task, variant, tokenizer = Task.load(data), VARIANTS[model], _load_tokenizer(checkpoint, finetuning)
    # A function, as pseudo-labels need a second, unfitted model.
    make_model = partial(load_task_model, task, data, checkpoint, finetuning, variant.weights, seed)
    examples, head = SplitExamples(data, tokenizer, finetuning, variant.weights, seed), make_model()
    sample = load_task_type(task).sample(examples.task, labels, seed)
    train, validation = head.select_learnable(examples(head, "train", sample)), examples(head, "validation")
    training_set = TrainingSet(task, data, make_model, tokenizer, sample, train, validation, finetuning, rate, seed)
    return variant.fit(training_set, head), examples


def write_answers(out: Path, task: Task, model: str, labels: int, seed: int, answers: pl.DataFrame) -> Counts:
    """Write the answers to the test part, a row an example, and return their scores."""
    path = out / fit_file(task.name, model, labels, seed)
    path.parent.mkdir(parents=True)
    answers.with_row_index("row").write_parquet(path)
    scores = load_task_type(task).score_answers(task, task.test, answers)
    return {"metrics": {name: score.value for name, score in scores.items()}}
