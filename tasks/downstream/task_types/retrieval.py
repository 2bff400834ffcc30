"""Find the documents that a question is about. Nothing is learnt."""

from typing import ClassVar

import numpy as np
import polars as pl

from tasks.downstream.baselines.bm25 import bm25
from tasks.downstream.data.answers import Baseline, Guess
from tasks.downstream.data.task_data import Task
from tasks.downstream.metrics import Score
from tasks.downstream.metrics.ranking import rank_scores, ranked
from tasks.downstream.task_types import AsItIs, Row
from tasks.errors import StageFailure

SHOWN_CHARACTERS = 80


def by_words(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing but the words' weights
    """The order by BM25."""
    return Guess(told(task, bm25(task.test["text"].to_list(), task.train["text"].to_list())), {}, None)


def as_given(task: Task, sample: pl.DataFrame) -> Guess:  # noqa: ARG001 - it learns nothing
    """Documents in the order of their texts' lengths, the longest first: what an order tells that reads no question."""
    sizes = task.train["text"].str.len_chars().to_numpy().astype(np.float64)
    return Guess(told(task, np.tile(sizes, (len(task.test), 1))), {}, None)


def told(task: Task, similarities: np.ndarray) -> pl.DataFrame:
    """The answers that similarities (questions, documents) come to."""
    ranks = ranked(similarities, task.test["relevant"].to_list())
    return pl.DataFrame(
        {"ranks": ranks, "first": similarities.argmax(1)}, schema={"ranks": pl.List(pl.Int64), "first": pl.Int64}
    )


class Retrieval(AsItIs):
    """Rows of the test part: questions, `text` and `relevant` (which documents); of the training part: the documents.

    Answers: `ranks` of the relevant documents from 0, and which document is the `first`.
    """

    columns: ClassVar[dict[str, pl.DataType]] = {"text": pl.String(), "relevant": pl.List(pl.Int64())}
    metrics = ("ndcg@10", "recall@10", "mrr")
    titles: ClassVar[dict[str, str]] = {"ndcg@10": "nDCG@10", "mrr": "MRR"}

    def scores(self, task: Task, rows: pl.DataFrame, answers: pl.DataFrame) -> dict[str, Score]:  # noqa: ARG002
        """Of the relevant documents' ranks."""
        return rank_scores(answers["ranks"].to_list())

    @property
    def baselines(self) -> dict[str, Baseline]:
        """BM25, and an order that reads no question."""
        return {"bm25": by_words, "longest": as_given}

    def text(self, row: Row) -> str:
        """The question."""
        return str(row["text"])

    def passages(self, task: Task) -> dict[str, list[str]]:
        """The questions, and the documents that are searched."""
        return super().passages(task) | {f"{task.name}: documents": task.train["text"].to_list()}

    def truth(self, task: Task, row: Row) -> str:
        """How the first relevant document begins."""
        return str(task.train["text"][row["relevant"][0]][:SHOWN_CHARACTERS])

    def given(self, task: Task, row: Row) -> str:
        """How the document that was put first begins."""
        return str(task.train["text"][row["first"]][:SHOWN_CHARACTERS])

    def checked(self, task: Task) -> Task:
        """Two documents at least, and one for every question."""
        if len(task.train) < 2 or task.test.is_empty():
            raise StageFailure(
                f"{task.name} has {len(task.test)} questions and {len(task.train)} documents",
                "Give one question and two documents at least",
            )
        return task
