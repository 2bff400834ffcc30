"""Read finished evaluations: a model's scores with intervals, and how much better it is than another model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.downstream.metrics import Score
from tasks.downstream.metrics.classes import score_classes
from tasks.downstream.significance import (
    CONFIDENCE_LEVEL,
    MAX_P,
    Difference,
    bootstrap_interval,
    compute_paired_difference,
    correct_comparisons,
    require_both,
)
from tasks.runtime.parquet_files import read_parquet
from tasks.store.manifest import Manifest

# Two models that share fewer test texts are not compared: the interval would be too wide.
MIN_COMMON_TEXTS = 30
CLASS_KINDS = ("classes", "relations")
"""task types whose answers are classes"""

TaskKey = tuple[str, int]
"""A benchmark and one of its label counts, 0 for all."""


@dataclass(frozen=True)
class TaskAnswers:
    """The answers of an evaluation's pretrained model in one task."""

    budget: str
    """the label count in words: `8 labels a class`"""
    metric: str
    """title of the score: `accuracy`"""
    data: str
    """digest of the examples and their answers; if it is the same in two evaluations, so are the seeds' samples"""
    texts: NDArray[np.uint64]
    """a hash of each test example"""
    scores: list[Score]
    """by seed"""
    truth: list[str]
    """the right class of each test example; empty where answers are no classes"""
    predicted: list[list[str]]
    """the predicted classes, a list for each seed; empty where answers are no classes"""

    def select_scores(self, rows: NDArray[np.int64]) -> list[Score]:
        """Return each seed's score on some of the examples."""
        return [replace(score, parts=score.parts[rows]) for score in self.scores]

    def has_same_score(self, other: "TaskAnswers") -> bool:
        """Tell whether both are scored by the same function; not, say, by F1 over other classes."""
        score, other_score = self.scores[0], other.scores[0]
        return (score.function, score.parts.shape[1]) == (other_score.function, other_score.parts.shape[1])

    def is_comparable(self, other: "TaskAnswers") -> bool:
        """Tell whether there is a score that both can be compared by; classes can always be, by MCC."""
        return self.has_same_score(other) or bool(self.predicted and other.predicted)

    def score_by_mcc(self, rows: NDArray[np.int64], names: Sequence[str]) -> list[Score]:
        """Return each seed's MCC on some of the examples; `names` are all classes that occur."""
        indices = {name: index for index, name in enumerate(names)}
        truth, *by_seed = (
            np.array([indices[classes[row]] for row in rows], np.int64) for classes in (self.truth, *self.predicted)
        )
        return [score_classes(truth, predicted, len(names))["mcc"] for predicted in by_seed]


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
    """Difference between two models in one task, on the test texts that both were tested on."""

    benchmark: str
    labels: int
    budget: str
    texts: int
    same_samples: bool
    metric: str
    """title of the score that is compared: MCC where the two evaluations have different ones"""
    difference: Difference


def load_answers(folder: Path) -> dict[TaskKey, TaskAnswers]:
    """Load the answers by task from an evaluation's `answers.parquet`."""
    table = read_parquet(folder / "answers.parquet")
    groups = table.group_by("benchmark", "labels", maintain_order=True)
    return {(str(benchmark), int(labels)): _parse_answers(rows) for (benchmark, labels), rows in groups}


def _parse_answers(rows: pl.DataFrame) -> TaskAnswers:
    first = rows.row(0, named=True)
    seeds = len(first["parts"])
    # a text's parts are a list over seeds of the sums that the score is computed from
    # (texts, seeds, sums) as one flat column, row-major: two explodes for two levels of lists.
    parts = rows["parts"].explode().explode().to_numpy().reshape(len(rows), seeds, -1)
    scores = [Score.restore(parts[:, seed], first["function"]) for seed in range(seeds)]
    truth: list[str] = []
    predicted: list[list[str]] = []
    # evaluations of earlier versions do not have these columns
    if first.get("kind") in CLASS_KINDS:
        answers = rows.select("predictions").explode("predictions").unnest("predictions").filter(model="pretrained")
        truth = rows["truth"].to_list()
        predicted = [by_seed["predicted"].to_list() for _, by_seed in answers.group_by("seed", maintain_order=True)]
    texts = rows["text"].to_numpy()
    return TaskAnswers(first["budget"], first["metric"], first["data"], texts, scores, truth, predicted)


def load_results(folder: Path) -> Iterator[Result]:
    """Yield the score in every task of an evaluation."""
    for (benchmark, labels), answers in load_answers(folder).items():
        mean = float(np.mean([score.value for score in answers.scores]))
        counts = len(answers.texts), len(answers.scores)
        yield Result(
            benchmark, labels, answers.budget, answers.metric, *counts, mean, *bootstrap_interval(answers.scores)
        )


def why_not_comparable(one: Manifest, other: Manifest) -> str:
    """Return the reason why two evaluations cannot be compared; empty when they can."""
    for manifest in (one, other):
        if "finetuning" not in manifest.semantic:
            return f"evaluate {manifest.key} has settings of an earlier version of Textmill: run textmill upgrade"
    if one.version != other.version:
        return f"another version of evaluate ({other.version})"
    # Benchmarks may differ, as only common tasks are compared. The recipe may not: it decides what a checkpoint
    # reaches.
    if one.semantic["finetuning"] != other.semantic["finetuning"]:
        return "other settings of fine-tuning"
    # a task of which a model is kept has a recipe of its own
    recipes, other_recipes = (manifest.counts.get("recipes", {}) for manifest in (one, other))
    common = one.counts.get("scores", {}).keys() & other.counts.get("scores", {}).keys()
    if any(recipes.get(task) != other_recipes.get(task) for task in common):
        return "other settings of fine-tuning"
    return ""


def compare_evaluations(one: Path, other: Path, *, jointly: bool = False) -> list[Change]:
    """Compare the model of one evaluation with that of another, in the tasks that both have with enough common texts.

    Paired over the common test texts; a text that repeats counts once. If the data of a task are identical, every seed
    drew the same labelled sample for both models, and the seeds are paired too. A task whose compared score is another
    one in each evaluation, such as accuracy before its test part became skewed, is compared by MCC.

    All p values are corrected together, by Holm's method. Each interval holds with 95 %; with `jointly` all of them
    together do, by Bonferroni's correction.
    """
    first, second = load_answers(one), load_answers(other)
    tasks = [task for task in first if task in second and first[task].is_comparable(second[task])]
    # intersect1d sorts and drops repeats, and gives the rows of each side.
    common = {task: np.intersect1d(first[task].texts, second[task].texts, return_indices=True) for task in tasks}
    tasks = [task for task in tasks if len(common[task][0]) >= MIN_COMMON_TEXTS]
    # Bonferroni: with n intervals, each may miss with 5 % / n
    level = 1 - MAX_P / max(1, len(tasks)) if jointly else CONFIDENCE_LEVEL
    changes = [_compare_task(task, first[task], second[task], common[task][1:], level) for task in tasks]
    corrected = correct_comparisons([change.difference for change in changes])
    return [replace(change, difference=difference) for change, difference in zip(changes, corrected, strict=True)]


def _compare_task(
    task: TaskKey,
    first: TaskAnswers,
    second: TaskAnswers,
    common_rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    level: float,
) -> Change:
    # Equal data and an equal seed give an equal sample of labelled examples.
    same_samples = first.data == second.data
    # The evaluations may have different numbers of seeds: only those that both have can be paired.
    num_paired = min(len(first.scores), len(second.scores)) if same_samples else None
    by_metric: dict[str, tuple[list[Score], list[Score]]] = {}
    if first.has_same_score(second):
        by_metric[first.metric] = first.select_scores(common_rows[0]), second.select_scores(common_rows[1])
    if first.predicted and second.predicted:
        # the union of both, as a class may have been added between the evaluations
        names = sorted({*chain(*((*answers.truth, *chain(*answers.predicted)) for answers in (first, second)))})
        mcc = first.score_by_mcc(common_rows[0], names), second.score_by_mcc(common_rows[1], names)
        by_metric.setdefault("MCC", mcc)
    shown, *others = (
        compute_paired_difference(one[:num_paired], other[:num_paired], same_samples=same_samples, level=level)
        for one, other in by_metric.values()
    )
    difference = require_both(shown, others[0]) if others else shown
    return Change(*task, first.budget, len(common_rows[0]), same_samples, next(iter(by_metric)), difference)
