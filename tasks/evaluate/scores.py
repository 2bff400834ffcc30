"""From fits to the numbers people read: scores by model and label count, with spread, and paired differences."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluate.labelled import LabelledTexts
from tasks.evaluate.metrics import mean_of
from tasks.evaluate.significance import Difference, Spread, paired_difference, spread

TITLES = {
    "pretrained": "pretrained",
    "random": "random weights",
    "tfidf": "TF-IDF + logistic regression",
    "majority": "majority guess",
}
"""Every model that is scored, and what people call it."""


@dataclass(frozen=True)
class Fit:
    """One model fitted on one sample: its scores on the test part, and how it came about."""

    benchmark: str
    model: str
    labels: int
    seed: int
    metrics: dict[str, float]
    chosen: dict[str, float]
    validation: float | None
    curve: list[tuple[int, float]]
    """step and training loss"""
    guesses: pl.DataFrame
    """row, label, predicted, confidence: a row per test text"""

    @property
    def right(self) -> NDArray[np.float64]:
        """1 for every test text whose class was found, else 0."""
        return (self.guesses["label"] == self.guesses["predicted"]).to_numpy().astype(np.float64)


@dataclass(frozen=True)
class Scoreboard:
    """All fits of one benchmark."""

    data: LabelledTexts
    fits: Sequence[Fit]

    @property
    def label_counts(self) -> list[int]:
        """Labels a class, rising."""
        return sorted({fit.labels for fit in self.fits})

    @property
    def models(self) -> list[str]:
        """Those that were scored, in the order of `TITLES`."""
        return [model for model in TITLES if any(fit.model == model for fit in self.fits)]

    @property
    def metrics(self) -> list[str]:
        """The names of the scores that every fit has."""
        return list(self.fits[0].metrics)

    def of(self, model: str, labels: int) -> list[Fit]:
        """The fits of one model with so many labels, by seed."""
        return sorted(
            (fit for fit in self.fits if (fit.model, fit.labels) == (model, labels)), key=lambda fit: fit.seed
        )

    def spread(self, model: str, labels: int, metric: str) -> Spread:
        """Mean and deviation over seeds."""
        return spread([fit.metrics[metric] for fit in self.of(model, labels)])

    def difference(self, first: str, second: str, labels: int) -> Difference:
        """Accuracy of one model minus another's, on the same samples and the same test texts."""
        right = [[mean_of(fit.right) for fit in self.of(model, labels)] for model in (first, second)]
        return paired_difference(right[0], right[1])

    def shown(self) -> Fit:
        """The fit that examples and the confusion picture are taken from: pretrained, most labels, first seed."""
        return self.of("pretrained", self.label_counts[-1])[0]


def rows(boards: Sequence[Scoreboard]) -> pl.DataFrame:
    """One row per benchmark, model, label count, seed and metric."""
    return pl.DataFrame(
        [
            {
                "benchmark": fit.benchmark,
                "model": fit.model,
                "labels_per_class": fit.labels,
                "seed": fit.seed,
                "metric": metric,
                "value": fit.metrics[metric],
            }
            for board in boards
            for fit in board.fits
            for metric in fit.metrics
        ],
        schema={
            "benchmark": pl.String,
            "model": pl.String,
            "labels_per_class": pl.Int32,
            "seed": pl.Int32,
            "metric": pl.String,
            "value": pl.Float64,
        },
    )


def compared(board: Scoreboard) -> list[tuple[int, str, Difference]]:
    """Pretrained against every other model at every label count."""
    others = [model for model in board.models if model != "pretrained"]
    return [
        (labels, other, board.difference("pretrained", other, labels))
        for labels in board.label_counts
        for other in others
    ]


def as_json(boards: Sequence[Scoreboard], contamination: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, without timings, so that the bytes depend on the inputs only."""
    return {
        "benchmarks": {board.data.name: _one(board) for board in boards},
        "contamination": contamination,
        "scores": rows(boards).to_dicts(),
    }


def _one(board: Scoreboard) -> dict[str, Any]:
    means = [
        {"model": model, "labels_per_class": labels, "metric": metric}
        | {name: value for name, value in asdict(board.spread(model, labels, metric)).items() if name != "values"}
        for labels in board.label_counts
        for model in board.models
        for metric in board.metrics
    ]
    differences = [
        {"first": "pretrained", "second": other, "labels_per_class": labels} | asdict(difference)
        for labels, other, difference in compared(board)
    ]
    return {
        "about": board.data.about,
        "classes": board.data.names,
        "examples": {name: len(part) for name, part in board.data.parts.items()},
        "means": means,
        "differences": differences,
        "fits": [
            {
                "model": fit.model,
                "labels_per_class": fit.labels,
                "seed": fit.seed,
                "chosen": fit.chosen,
                "validation_accuracy": fit.validation,
            }
            for fit in board.fits
        ],
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """JSON with sorted keys, for people and for diffs."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
