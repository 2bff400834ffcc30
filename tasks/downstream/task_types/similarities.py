"""Similarity of two texts by the cosine of a model's embeddings, against human ratings. Zero-shot."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.baselines import predict_tfidf_cosine
from tasks.downstream.data.baseline_predictions import Baseline, BaselinePredictions
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.correlation import score_correlations
from tasks.downstream.task_types import ZeroShotTask
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.errors import StageFailure


def predict_cosine(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Predict the cosine of both texts' TF-IDF vectors."""
    # The test texts themselves give the words' weights: there is no training part, and no label is read.
    answers = predict_tfidf_cosine(task, task.test).answers
    # A baseline has one kind of features: both columns are the same.
    return BaselinePredictions(answers.with_columns(standardized=pl.col("predicted")), {}, None)


class SimilarityTask(ZeroShotTask, RegressionTask):
    """Similarity by embeddings.

    Rows as in `RegressionTask`. Answers: `predicted`, a cosine, and `standardized`, that of standardised features.
    """

    metrics = ("spearman", "spearman_standardized")
    metric_titles: ClassVar[dict[str, str]] = {
        "spearman": "Spearman's ρ",
        "spearman_standardized": "Spearman's ρ, standardised",
    }

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score the correlations of both cosines with the true numbers."""
        truth = rows["number"].to_numpy()
        raw, standardized = (
            score_correlations(truth, answers[name].to_numpy().astype(np.float64))
            for name in ("predicted", "standardized")
        )
        return raw | {f"{name}_standardized": score for name, score in standardized.items()}

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The TF-IDF cosine of both texts."""
        return {"cosine": predict_cosine}

    def validate(self, task: Task) -> Task:
        """Require numbers that differ: the correlation with equal ones is not defined."""
        if task.test["number"].n_unique() < 2:
            raise StageFailure(f"all numbers of {task.name} are the same", "Give numbers that differ")
        return task
