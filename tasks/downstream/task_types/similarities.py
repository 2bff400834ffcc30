"""How near a model's vectors of two texts are, against a number that people gave. Nothing is learnt."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import overlap
from tasks.downstream.data.answers import Baseline, Guess
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.correlation import correlations
from tasks.downstream.task_types import AsItIs
from tasks.downstream.task_types.numbers import Numbers
from tasks.errors import StageFailure


def cosine(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing but the words' weights
    """The cosine of both texts' TF-IDF vectors."""
    answers = overlap(task, task.test).answers
    return Guess(answers.with_columns(standardized=pl.col("predicted")), {}, None)


class Similarities(AsItIs, Numbers):
    """Rows: as `Numbers`. Answers: `predicted`, a cosine, and `standardized`, that of standardised features."""

    metrics = ("spearman", "spearman_standardized")
    titles: ClassVar[dict[str, str]] = {
        "spearman": "Spearman's ρ",
        "spearman_standardized": "Spearman's ρ, standardised",
    }

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Rank correlations of both cosines with the truth."""
        truth = rows["number"].to_numpy()
        one, other = (
            correlations(truth, answers[name].to_numpy().astype(np.float64)) for name in ("predicted", "standardized")
        )
        return one | {f"{name}_standardized": score for name, score in other.items()}

    @property
    def baselines(self) -> dict[str, Baseline]:
        """What the words that both texts share tell."""
        return {"cosine": cosine}

    def checked(self, task: Task) -> Task:
        """Numbers that differ."""
        if task.test["number"].n_unique() < 2:
            raise StageFailure(f"all numbers of {task.name} are the same", "Give numbers that differ")
        return task
