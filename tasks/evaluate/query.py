"""Looking at evaluations: a model's scores with intervals, and how much better it is than another one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluate.metrics import Difference, Right, interval, paired_difference
from tasks.manifest import Manifest

FEWEST_TEXTS = 30  # fewer common test texts say nothing about two models
DRAWS = 10_000  # of the bootstrap where many intervals are asked for at once, each of them a rare quantile


@dataclass(frozen=True)
class Answers:
    """What the pretrained model of an evaluation got right in one task: a benchmark with so many labels a class."""

    data: str
    """names the texts and labels; where it is the same, so are the samples of each seed"""
    texts: NDArray[np.uint64]
    """a hash of each test text"""
    right: Right
    """(seeds, texts)"""


@dataclass(frozen=True)
class Score:
    """Accuracy in one task, mean over seeds, with the 95 % bootstrap interval over seeds and test texts."""

    benchmark: str
    labels: int
    texts: int
    seeds: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """How much better a model is than another in one task, on the test texts that both were tried on."""

    benchmark: str
    labels: int
    texts: int
    same_samples: bool
    difference: Difference


def answers(folder: Path) -> dict[tuple[str, int], Answers]:
    """By benchmark and labels a class, from an evaluation's `answers.parquet`."""
    table = pl.read_parquet(folder / "answers.parquet")
    return {
        (str(benchmark), int(labels)): Answers(
            rows["data"][0], rows["text"].to_numpy(), np.array(rows["right"].to_list(), dtype=np.bool_).T
        )
        for (benchmark, labels), rows in table.group_by("benchmark", "labels_per_class", maintain_order=True)
    }


def scores(folder: Path) -> Iterator[Score]:
    """The accuracy in every task of an evaluation."""
    for (benchmark, labels), found in answers(folder).items():
        seeds, texts = found.right.shape
        yield Score(benchmark, labels, texts, seeds, float(found.right.mean()), *interval(found.right))


def differ(one: Manifest, other: Manifest) -> str:
    """Why two evaluations do not compare; empty when they do."""
    if one.version != other.version:
        return f"another version of evaluate ({other.version})"
    if one.semantic["recipe"] != other.semantic["recipe"]:
        return "other settings of fine-tuning"
    return ""


def changes(one: Path, other: Path, *, jointly: bool = False) -> list[Change]:
    """The model of one evaluation against that of another, in the tasks that both have with enough common texts.

    Paired over the common test texts, of which one that repeats counts once. Where the data are the same to the last
    text, every seed drew the same labelled sample for both models, and the bootstrap pairs the seeds too; otherwise it
    draws them apart. The intervals hold 95 %; with `jointly` all of them together do, by Bonferroni's correction.
    """
    first, second = answers(one), answers(other)
    tasks = [task for task in first if task in second]
    common = {task: np.intersect1d(first[task].texts, second[task].texts, return_indices=True) for task in tasks}
    enough = [task for task in tasks if len(common[task][0]) >= FEWEST_TEXTS]
    level = 1 - 0.05 / max(1, len(enough)) if jointly else 0.95
    return [
        _change(task, first[task], second[task], common[task][1:], level, DRAWS if jointly else 2000) for task in enough
    ]


def _change(
    task: tuple[str, int],
    first: Answers,
    second: Answers,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    level: float,
    draws: int,
) -> Change:
    rights = [found.right[:, rows] for found, rows in zip((first, second), places, strict=True)]
    same = first.data == second.data
    seeds = min(map(len, rights)) if same else None
    gap = paired_difference(rights[0][:seeds], rights[1][:seeds], draws=draws, same_samples=same, level=level)
    return Change(*task, len(places[0]), same, gap)
