"""From fits to the numbers people read: scores by model and label count, with spread, and paired differences."""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task, hash_text
from tasks.downstream.metrics import Score
from tasks.downstream.significance import (
    Difference,
    Spread,
    bootstrap_interval,
    compute_paired_difference,
    compute_spread,
)
from tasks.downstream.task_types import TaskType, load_task_type

TITLES = {
    "pretrained": "pretrained",
    "continued": "pretrained + the task's text",
    "augmented": "pretrained + altered copies",
    "unlabelled": "pretrained + unlabelled texts",
    "random": "random weights",
    "tfidf": "TF-IDF + logistic regression",
    "cosine": "TF-IDF cosine",
    "known": "entities of the sample",
    "shortest": "the shortest text",
    "clause": "the likeliest clause",
    "lzma": "LZMA",
    "bm25": "BM25",
    "majority": "majority guess",
    "mean": "mean of the sample",
    "outside": "no entity",
    "chance": "chance",
    "beginning": "the beginning of the text",
    "bytes": "frequencies of bytes",
    "longest": "the longest documents",
    "lead": "the text's first words",
    "nearest": "what the nearest example has",
    "copy": "the text itself",
}
"""Every model that is scored, and what people call it; beside further checkpoints."""
LEARNT = ("tfidf", "cosine", "known", "shortest", "clause", "lzma", "bm25", "lead", "nearest")
BLIND = ("majority", "mean", "outside", "chance", "beginning", "bytes", "longest", "copy")
"""Baselines that look at the words, and those that do not"""


def title_of(model: str) -> str:
    """What people call a model; a further checkpoint has the name of its folder."""
    return TITLES.get(model, model)


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
    answers: pl.DataFrame
    """`row` and the kind's answer, a row per test example"""


@dataclass(frozen=True, eq=False)
class Scoreboard:
    """All fits of one benchmark."""

    task: Task
    fits: Sequence[Fit]
    left_out: dict[str, str] = field(default_factory=dict)
    """further checkpoints that cannot answer it, and why"""

    @functools.cached_property
    def kind(self) -> TaskType:
        """What the task asks for."""
        return load_task_type(self.task)

    @property
    def metric(self) -> str:
        """The score that models are compared by."""
        return self.kind.metrics[0]

    @property
    def title(self) -> str:
        """What people call the compared score."""
        return self.called(self.metric)

    def called(self, metric: str) -> str:
        """What people call a score."""
        return self.kind.metric_titles.get(metric, metric)

    def shown_as(self, metric: str, value: float) -> str:
        """A share in per cent with one decimal; what is no share with two where it is small."""
        if metric not in self.kind.unscaled_metrics:
            return f"{100 * value:.1f}".replace("-", "\u2212")
        return f"{value:.2f}" if value < 100 else f"{value:,.0f}"

    @property
    def sizes(self) -> list[float]:
        """The label counts as numbers on an axis: all of them stand where their number is."""
        found = []
        for labels in self.label_counts:
            sampled = len(self.kind.sample(self.task, labels or 1, 0)) / (labels or 1)
            found.append(float(labels or len(self.task.train) / sampled))
        return found

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The label counts on an axis, with their names."""
        named = zip(self.sizes, self.label_counts, strict=True)
        return [(size, str(labels) if labels else f"all {size:,.0f}") for size, labels in named]

    @property
    def lowest(self) -> float:
        """The worst that the compared score can be."""
        return -1.0 if self.metric in self.kind.signed_metrics else 0.0

    @property
    def label_counts(self) -> list[int]:
        """Rising; 0 stands for all, at the end."""
        return sorted({fit.labels for fit in self.fits}, key=lambda labels: labels or math.inf)

    def count(self, labels: int) -> str:
        """A label count in a table: 8, all, or none."""
        return str(labels or ("all" if self.kind.is_fine_tuned else "none"))

    def budget(self, labels: int) -> str:
        """What people call a label count: `8 labels a class`."""
        if not self.kind.is_fine_tuned:
            return "no fine-tuning"
        return f"{labels} {self.kind.label_unit}" if labels else "all examples"

    @property
    def models(self) -> list[str]:
        """Those that were scored, in the order of `TITLES`; further checkpoints after them."""
        found = {fit.model for fit in self.fits}
        return [model for model in TITLES if model in found] + sorted(found - set(TITLES))

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
        return compute_spread([fit.metrics[metric] for fit in self.of(model, labels)])

    @functools.cache  # noqa: B019 - a board lives as long as its report is written
    def scores(self, model: str, labels: int) -> list[Score]:
        """The compared score of every seed's answers."""
        fits = self.of(model, labels)
        return [self.kind.score_answers(self.task, self.task.test, fit.answers)[self.metric] for fit in fits]

    @functools.cache  # noqa: B019 - as above; two thousand draws of BLEU or chrF take some 40 ms a seed
    def interval(self, model: str, labels: int) -> tuple[float, float]:
        """95 % interval of the compared score, over seeds and test examples."""
        return bootstrap_interval(self.scores(model, labels))

    @functools.cache  # noqa: B019 - as above
    def difference(self, first: str, second: str, labels: int) -> Difference:
        """One model's compared score minus another's, on the same samples and the same test examples."""
        return compute_paired_difference(self.scores(first, labels), self.scores(second, labels))

    def shown(self) -> Fit:
        """The fit that examples and pictures are taken from: pretrained, most labels, first seed."""
        return self.of("pretrained", self.label_counts[-1])[0]


def rows(boards: Sequence[Scoreboard]) -> pl.DataFrame:
    """One row per benchmark, model, label count, seed and metric."""
    return pl.DataFrame(
        [
            {
                "benchmark": fit.benchmark,
                "model": fit.model,
                "labels": fit.labels,
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
            "labels": pl.Int32,
            "seed": pl.Int32,
            "metric": pl.String,
            "value": pl.Float64,
        },
    )


def answers(boards: Sequence[Scoreboard]) -> pl.DataFrame:
    """What each test example brings to the pretrained model's score: what other models are compared with it by."""
    return pl.concat(_answers(board, labels) for board in boards for labels in board.label_counts)


def _answers(board: Scoreboard, labels: int) -> pl.DataFrame:
    task, kind, found = board.task, board.kind, board.scores("pretrained", labels)
    # an example is the same where it is asked the same and the same is right
    asked = [f"{kind.format_question(row)}\0{kind.format_truth(task, row)}" for row in task.test.iter_rows(named=True)]
    return pl.DataFrame(
        {
            "benchmark": task.name,
            "labels": labels,
            "budget": board.budget(labels),
            "metric": board.title,
            "function": found[0].function,
            "data": task.digest,
            "text": list(map(hash_text, asked)),
            "parts": np.stack([score.parts for score in found], 1).tolist(),
        },
        schema_overrides={"labels": pl.Int32, "text": pl.UInt64, "parts": pl.List(pl.List(pl.Float64))},
    )


def compared(board: Scoreboard) -> list[tuple[int, str, Difference]]:
    """Pretrained against every other model at every label count."""
    others = [model for model in board.models if model != "pretrained"]
    return [
        (labels, other, board.difference("pretrained", other, labels))
        for labels in board.label_counts
        for other in others
    ]


def as_json(boards: Sequence[Scoreboard], contamination: dict[str, Any], groups: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, without timings, so that the bytes depend on the inputs only."""
    return {
        "benchmarks": {board.task.name: _one(board) | {"groups": groups[board.task.name]} for board in boards},
        "contamination": contamination,
        "scores": rows(boards).to_dicts(),
    }


def _one(board: Scoreboard) -> dict[str, Any]:
    means = [
        {"model": model, "labels": labels, "metric": metric}
        | {name: value for name, value in asdict(board.spread(model, labels, metric)).items() if name != "values"}
        | (dict(zip(("low", "high"), board.interval(model, labels), strict=True)) if metric == board.metric else {})
        for labels in board.label_counts
        for model in board.models
        for metric in board.metrics
    ]
    differences = [
        {"first": "pretrained", "second": other, "labels": labels} | asdict(difference)
        for labels, other, difference in compared(board)
    ]
    return {
        "about": board.task.about,
        "kind": board.task.kind,
        "metric": board.metric,
        "classes": board.task.names,
        "examples": {name: len(part) for name, part in board.task.parts.items()},
        "means": means,
        "differences": differences,
        "left out": board.left_out,
        "fits": [
            {
                "model": fit.model,
                "labels": fit.labels,
                "seed": fit.seed,
                "chosen": fit.chosen,
                "validation": fit.validation,
            }
            for fit in board.fits
        ],
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """JSON with sorted keys, for people and for diffs."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
