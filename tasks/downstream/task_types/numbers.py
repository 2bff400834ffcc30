"""A number for two texts (or one): how similar they are."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import mean_number, overlap
from tasks.downstream.data.answers import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.correlation import correlations
from tasks.downstream.task_types import Kind, Row, drawn
from tasks.errors import StageFailure

EACH = 10


class Numbers(Kind):
    """Rows: `text`, `second`, `number`. Answers: `predicted`."""

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "second": pl.String(), "number": pl.Float64()}
    metrics = ("spearman", "pearson")
    titles: ClassVar[dict[str, str]] = {"spearman": "Spearman", "pearson": "Pearson"}
    per_label = f"× {EACH} examples"

    def sample(self, task: Task, labels: int, seed: int) -> pl.DataFrame:
        """Ten times so many examples: there are no classes to draw by."""
        return drawn(task, labels * EACH, seed)

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Both correlations with the truth."""
        return correlations(rows["number"].to_numpy(), answers["predicted"].to_numpy().astype(np.float64))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The mean, and what the words that both texts share tell."""
        return {"cosine": overlap, "mean": mean_number}

    def text(self, row: Row) -> str:
        """Both texts, one below the other."""
        return "\n".join(row[part] for part in ("text", "second") if row[part])

    def truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """With two decimals."""
        return f"{row['number']:.2f}"

    def given(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all kinds
        """With two decimals."""
        return f"{row['predicted']:.2f}"

    def checked(self, task: Task) -> Task:
        """Numbers that differ."""
        if task.test["number"].n_unique() < 2:
            raise StageFailure(f"all numbers of {task.name}'s test part are the same", "Give numbers that differ")
        return super().checked(task)
