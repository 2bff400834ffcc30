"""The shards that make and score kept models."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.shards import fit_variant, summarize_losses, write_answers
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.kept_models.open import KeptModel, open_kept_model
from tasks.downstream.kept_models.record import require_record
from tasks.downstream.kept_models.save import save_model
from tasks.downstream.metrics import Score
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.significance import bootstrap_interval
from tasks.downstream.stock_heads import StockModel
from tasks.downstream.stock_heads.numbers import StockNumberModel
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

Counts = dict[str, Any]
NUM_CHECKED, TOLERANCE = 16, 1e-3
"""validation examples that the saved folder must answer as the fitted model does, and the largest difference"""


def fit_and_save(
    out: Path, data: Path, checkpoint: Path, finetuning: FineTuning, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Fit with the chosen learning rate, write the model's folder, and score the test part by that folder.

    Raises StageFailure when the folder answers otherwise than the model that was fitted.
    """
    task = Task.load(data)
    with use_one_thread():
        fitted, examples = fit_variant(data, checkpoint, finetuning, model, labels, seed, rate)
        probes = task.validation.head(NUM_CHECKED)
        assert isinstance(fitted.head, StockModel | TextGenerationModel)
        before = compute_probe(fitted.head, probes)
        save_model(fitted.head, checkpoint, out)
        kept = open_kept_model(out, task, finetuning)
        difference = float(np.abs(before - compute_probe(kept, probes)).max())
        if not difference < TOLERANCE * max(1.0, float(np.abs(before).max())):
            raise StageFailure(
                f"{task.name}: the saved model answers otherwise than the fitted one, by {difference:.2g}",
                "This is a fault of Textmill, or of this model's class in transformers: take another model",
            )
        _, answers = kept.evaluate(kept.make_examples(examples.tokenizer, task.test))
    scores = load_task_type(task).score_answers(task, task.test, answers)
    sample = load_task_type(task).sample(examples.task, labels, seed)
    return {
        "trained": len(sample),
        "validation": fitted.best.score,
        "curve": summarize_losses(fitted.losses),
        "scores": list_scores(task, scores),
    }


@torch.no_grad()
def compute_probe(model: KeptModel, rows: pl.DataFrame) -> NDArray[np.float32]:
    """Return numbers that stand for a model's answers to a few rows: its outputs, or losses of a text generator."""
    model.eval()
    examples = model.make_examples(model.tokenizer, rows)
    if isinstance(model, TextGenerationModel):
        return np.array([model.validate([example])[0] for example in examples], np.float32)
    outputs = torch.cat([model.compute_outputs([example]).flatten() for example in examples])
    if isinstance(model, StockNumberModel):
        outputs = outputs * model.scale + model.shift
    values: NDArray[np.float32] = outputs.numpy()
    return values


def score_baseline_with_interval(out: Path, data: Path, model: str, labels: int, seed: int) -> Counts:
    """Score a baseline on the test part, from the same sample. Writes no file."""
    del out
    task = Task.load(data)
    task_type = load_task_type(task)
    predictions = task_type.baselines[model](task, task_type.sample(task, labels, seed))
    return {"scores": list_scores(task, task_type.score_answers(task, task.test, predictions.answers))}


def list_scores(task: Task, scores: dict[str, Score]) -> list[dict[str, Any]]:
    """Return each shown metric's value and interval, the compared one first."""
    rows = []
    for metric in load_task_type(task).metrics:
        low, high = bootstrap_interval([scores[metric]])
        rows.append({"metric": metric, "value": scores[metric].value, "low": low, "high": high})
    return rows


def score_kept(out: Path, data: Path, folder: Path, model: str, labels: int, seed: int) -> Counts:
    """Answer the test part by a kept model. Writes `fits/…parquet`, a row an example. A shard of the evaluation."""
    task, record = Task.load(data), require_record(folder)
    with use_one_thread():
        kept = open_kept_model(folder, task, record.finetuning)
        _, answers = kept.evaluate(kept.make_examples(kept.tokenizer, task.test))
    counts = write_answers(out, task, model, labels, seed, answers)
    chosen = {"learning rate": record.learning_rate}
    return counts | {"chosen": chosen, "validation": record.validation, "curve": record.curve}
