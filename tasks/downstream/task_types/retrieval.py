"""Retrieval of the documents that a question is about. Zero-shot."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.bm25 import score_bm25
from tasks.downstream.data.baseline_predictions import Baseline, BaselinePredictions
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.ranking import find_ranks, score_ranks
from tasks.downstream.task_types import Row, ZeroShotTask
from tasks.errors import StageFailure

SHOWN_CHARACTERS = 80


def rank_by_bm25(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Rank the documents by BM25."""
    return BaselinePredictions(
        build_ranking(task, score_bm25(task.test["text"].to_list(), task.train["text"].to_list())), {}, None
    )


def rank_by_length(task: Task, sample: pl.DataFrame) -> BaselinePredictions:  # noqa: ARG001 - it learns nothing
    """Rank the longest documents first, without a look at the question."""
    lengths = task.train["text"].str.len_chars().to_numpy().astype(np.float64)
    return BaselinePredictions(build_ranking(task, np.tile(lengths, (len(task.test), 1))), {}, None)


def build_ranking(task: Task, similarities: np.ndarray) -> pl.DataFrame:
    """Return the answers that follow from similarities (questions, documents)."""
    ranks = find_ranks(similarities, task.test["relevant"].to_list())
    return pl.DataFrame(
        # argmax takes the first of equal ones, as `find_ranks` does.
        {"ranks": ranks, "first": similarities.argmax(1)},
        schema={"ranks": pl.List(pl.Int64), "first": pl.Int64},
    )


class RetrievalTask(ZeroShotTask):
    """Retrieval.

    Rows of the test part: questions, `text` and `relevant` (rows of the documents); of the training part: documents.
    Answers: `ranks` of the relevant documents, from 0, and `first`, the row of the document that is ranked first.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "relevant": pl.List(pl.Int64())}
    copies_texts = True
    metrics = ("ndcg@10", "recall@10", "mrr")
    metric_titles: ClassVar[dict[str, str]] = {"ndcg@10": "nDCG@10", "mrr": "MRR"}

    def score_answers(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Score the ranks of the relevant documents."""
        return score_ranks(answers["ranks"].to_list())

    @property
    def baselines(self) -> dict[str, Baseline]:
        """BM25, and a ranking that ignores the question."""
        return {"bm25": rank_by_bm25, "longest": rank_by_length}

    def format_question(self, row: Row) -> str:
        """Return the question."""
        return str(row["text"])

    def collect_test_texts(self, task: Task) -> dict[str, list[str]]:
        """Return the questions, and the documents that are searched."""
        return super().collect_test_texts(task) | {f"{task.name}: documents": task.train["text"].to_list()}

    def format_truth(self, task: Task, row: Row) -> str:
        """Return the beginning of the first relevant document."""
        return str(task.train["text"][row["relevant"][0]][:SHOWN_CHARACTERS])

    def format_answer(self, task: Task, row: Row) -> str:
        """Return the beginning of the document that was ranked first."""
        return str(task.train["text"][row["first"]][:SHOWN_CHARACTERS])

    def validate(self, task: Task) -> Task:
        """Require a question and two or more documents."""
        if len(task.train) < 2 or task.test.is_empty():
            raise StageFailure(
                f"{task.name} has {len(task.test)} questions and {len(task.train)} documents",
                "Give one question and two documents or more",
            )
        return task
