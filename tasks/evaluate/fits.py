"""The shards of an evaluation: one function call is one fit. Each reads the data from a file and writes its guesses."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tasks.evaluate.encoder import Tokens, load
from tasks.evaluate.finetune import Encoded, Fitted, fit, one_thread
from tasks.evaluate.labelled import LabelledTexts, Part
from tasks.evaluate.metrics.classes import class_scores
from tasks.evaluate.recipe import Recipe

Counts = dict[str, Any]
MODELS = ("pretrained", "random")


def choose(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """How one learning rate does on validation. It never reads the test part's predictions, and writes no file."""
    del out
    with one_thread():
        fitted, _ = _fitted(LabelledTexts.load(data), checkpoint, recipe, model, labels, seed, rate)
    return {"accuracy": fitted.best.accuracy, "loss": fitted.best.loss}


def score(
    out: Path, data: Path, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> Counts:
    """Fit with the chosen learning rate, then read the test part once. Writes `fits/…parquet`, a row per test text."""
    texts = LabelledTexts.load(data)
    with one_thread():
        fitted, tokens = _fitted(texts, checkpoint, recipe, model, labels, seed, rate)
        logits = fitted.classifier.predict(tokens(texts.test.texts))
        probabilities = torch.softmax(logits.double(), 1).numpy().astype(np.float32)
    counts = _written(out, texts, model, labels, seed, probabilities)
    return counts | {
        "chosen": {"learning rate": rate},
        "validation": fitted.best.accuracy,
        "curve": curve(fitted.losses),
    }


def curve(losses: list[float], most_points: int = 12) -> list[tuple[int, float]]:
    """Step and training loss, averaged over stretches of steps: one step of a few texts is noise."""
    stretches = np.array_split(np.arange(len(losses)), min(most_points, len(losses)))
    return [(int(steps[-1]) + 1, float(np.mean([losses[step] for step in steps]))) for steps in stretches]


def baseline(out: Path, data: Path, model: str, labels: int, seed: int) -> Counts:
    """Score `majority` or `tfidf` on the same sample and the same test part. Writes `fits/…parquet`."""
    # scikit-learn takes a second to import, and the other shards do without
    from tasks.evaluate.baselines import majority, tfidf  # noqa: PLC0415

    texts = LabelledTexts.load(data)
    sample, num_classes = texts.sample(labels, seed), len(texts.names)
    if model == "majority":
        guess = majority(sample, texts.test, num_classes)
    else:
        guess = tfidf(sample, texts.validation, texts.test, num_classes)
    counts = _written(out, texts, model, labels, seed, guess.probabilities)
    return counts | {"chosen": guess.chosen, "validation": guess.validation, "curve": []}


def fit_file(name: str, model: str, labels: int, seed: int) -> str:
    """Where the guesses of one fit are, inside the artifact."""
    return f"fits/{name}/{model}-{labels}-{seed}.parquet"


def _fitted(
    texts: LabelledTexts, checkpoint: Path, recipe: Recipe, model: str, labels: int, seed: int, rate: float
) -> tuple[Fitted, Tokens]:
    tokens = Tokens(checkpoint, recipe.max_length)
    encoder = load(checkpoint, random=model == "random", seed=seed)
    train, validation = (_encoded(tokens, part) for part in (texts.sample(labels, seed), texts.validation))
    return fit(encoder, train, validation, len(texts.names), recipe, rate, seed), tokens


def _encoded(tokens: Tokens, part: Part) -> Encoded:
    return Encoded(tokens(part.texts), torch.from_numpy(part.labels))


def _written(
    out: Path, texts: LabelledTexts, model: str, labels: int, seed: int, probabilities: NDArray[np.float32]
) -> Counts:
    predicted = probabilities.argmax(1).astype(np.int64)
    path = out / fit_file(texts.name, model, labels, seed)
    path.parent.mkdir(parents=True)
    pl.DataFrame(
        {
            "row": np.arange(len(predicted), dtype=np.int32),
            "label": texts.test.labels.astype(np.int32),
            "predicted": predicted.astype(np.int32),
            "confidence": probabilities.max(1),
        }
    ).write_parquet(path)
    found = class_scores(texts.test.labels, predicted, len(texts.names))
    return {"metrics": {name: score.value for name, score in found.items()}}
