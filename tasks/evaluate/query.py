"""Looking at evaluations: a model's scores with intervals, and how much better it is than another one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.metrics import Score
from tasks.downstream.significance import NUM_DRAWS, Difference, bootstrap_interval, compute_paired_difference
from tasks.store.manifest import Manifest

FEWEST_TEXTS = 30  # fewer common test texts say nothing about two models
MANY_DRAWS = 10_000  # of the bootstrap where many intervals are asked for at once, each of them a rare quantile

Task = tuple[str, int]
"""A benchmark, and a label count of it, 0 for all."""


@dataclass(frozen=True)
class Answers:
    """How the pretrained model of an evaluation answered in one task."""

    budget: str
    """what people call the label count: `8 labels a class`"""
    metric: str
    """what people call the score: `accuracy`"""
    data: str
    """names the examples and their answers; where it is the same, so are the samples of each seed"""
    texts: NDArray[np.uint64]
    """a hash of each test example"""
    scores: list[Score]
    """by seed"""

    def at(self, rows: NDArray[np.int64]) -> list[Score]:
        """The scores of some of the examples."""
        return [replace(score, parts=score.parts[rows]) for score in self.scores]

    def compares(self, other: "Answers") -> bool:
        """Whether both are scored alike; not, say, by F1 over other classes."""
        one, another = self.scores[0], other.scores[0]
        return (one.function, one.parts.shape[1]) == (another.function, another.parts.shape[1])


@dataclass(frozen=True)
class Result:
    """The score in one task, mean over seeds, with the 95 % bootstrap interval over seeds and test texts."""

    benchmark: str
    labels: int
    budget: str
    metric: str
    texts: int
    seeds: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """How much better a model is than another in one task, on the test texts that both were tried on."""

    benchmark: str
    labels: int
    budget: str
    texts: int
    same_samples: bool
    difference: Difference


def load_answers(folder: Path) -> dict[Task, Answers]:
    """By task, from an evaluation's `answers.parquet`."""
    table = pl.read_parquet(folder / "answers.parquet")
    groups = table.group_by("benchmark", "labels", maintain_order=True)
    return {(str(benchmark), int(labels)): _answers(rows) for (benchmark, labels), rows in groups}


def _answers(rows: pl.DataFrame) -> Answers:
    first = rows.row(0, named=True)
    seeds = len(first["parts"])
    parts = rows["parts"].explode().explode().to_numpy().reshape(len(rows), seeds, -1)
    scores = [Score.restore(parts[:, seed], first["function"]) for seed in range(seeds)]
    return Answers(first["budget"], first["metric"], first["data"], rows["text"].to_numpy(), scores)


def load_results(folder: Path) -> Iterator[Result]:
    """The score in every task of an evaluation."""
    for (benchmark, labels), found in load_answers(folder).items():
        mean = float(np.mean([score.value for score in found.scores]))
        counts = len(found.texts), len(found.scores)
        yield Result(benchmark, labels, found.budget, found.metric, *counts, mean, *bootstrap_interval(found.scores))


def why_not_comparable(one: Manifest, other: Manifest) -> str:
    """Why two evaluations do not compare; empty when they do."""
    if one.version != other.version:
        return f"another version of evaluate ({other.version})"
    if one.semantic["finetuning"] != other.semantic["finetuning"]:
        return "other settings of fine-tuning"
    return ""


def compare_evaluations(one: Path, other: Path, *, jointly: bool = False) -> list[Change]:
    """The model of one evaluation against that of another, in the tasks that both have with enough common texts.

    Paired over the common test texts, of which one that repeats counts once. Where the data are the same to the last
    text, every seed drew the same labelled sample for both models, and the bootstrap pairs the seeds too; otherwise it
    draws them apart. The intervals hold 95 %; with `jointly` all of them together do, by Bonferroni's correction.
    """
    first, second = load_answers(one), load_answers(other)
    tasks = [task for task in first if task in second and first[task].compares(second[task])]
    common = {task: np.intersect1d(first[task].texts, second[task].texts, return_indices=True) for task in tasks}
    enough = [task for task in tasks if len(common[task][0]) >= FEWEST_TEXTS]
    level = 1 - 0.05 / max(1, len(enough)) if jointly else 0.95
    return [
        _change(task, first[task], second[task], common[task][1:], level, MANY_DRAWS if jointly else NUM_DRAWS)
        for task in enough
    ]


def _change(
    task: Task,
    first: Answers,
    second: Answers,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    level: float,
    draws: int,
) -> Change:
    same = first.data == second.data
    seeds = min(len(first.scores), len(second.scores)) if same else None
    sides = (first.at(places[0])[:seeds], second.at(places[1])[:seeds])
    gap = compute_paired_difference(*sides, draws=draws, same_samples=same, level=level)
    return Change(*task, first.budget, len(places[0]), same, gap)
