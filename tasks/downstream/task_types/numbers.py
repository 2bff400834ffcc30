"""Regression of a number from a pair of texts, or from one: how similar they are."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import predict_mean_number, predict_tfidf_cosine
from tasks.downstream.data.baseline_predictions import Baseline
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.correlation import score_correlations
from tasks.downstream.task_types import EXAMPLES_PER_LABEL, Row, UnclassedTask
from tasks.errors import StageFailure


class RegressionTask(UnclassedTask):
    """Regression. Rows: `text`, `second`, `number`. Answers: `predicted`."""

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "second": pl.String(), "number": pl.Float64()}
    metrics = ("spearman", "pearson")
    metric_titles: ClassVar[dict[str, str]] = {"spearman": "Spearman", "pearson": "Pearson"}
    label_unit = f"× {EXAMPLES_PER_LABEL} examples"

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score both correlations with the true numbers."""
        return score_correlations(rows["number"].to_numpy(), answers["predicted"].to_numpy().astype(np.float64))

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The mean, and the TF-IDF cosine of both texts."""
        return {"cosine": predict_tfidf_cosine, "mean": predict_mean_number}

    def format_question(self, row: Row) -> str:
        """Return both texts, one to a line."""
        return "\n".join(row[column] for column in ("text", "second") if row[column])

    def list_truths(self, task: Task, row: Row) -> list[str]:  # noqa: ARG002 - one signature for all types
        """Return the number with all its digits."""
        return [repr(float(row["number"]))]

    def write_answer(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the number with all its digits."""
        return repr(float(row["predicted"]))

    def format_truth(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the number with two decimals."""
        return f"{row['number']:.2f}"

    def format_answer(self, task: Task, row: Row) -> str:  # noqa: ARG002 - one signature for all types
        """Return the number with two decimals."""
        return f"{row['predicted']:.2f}"

    def validate(self, task: Task) -> Task:
        """Require test numbers that differ: the correlation with equal ones is not defined."""
        if task.test["number"].n_unique() < 2:
            raise StageFailure(f"all numbers of {task.name}'s test part are the same", "Give numbers that differ")
        return super().validate(task)
