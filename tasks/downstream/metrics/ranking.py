"""Documents in order for a question: nDCG, reciprocal rank and recall."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats, Score, mean_of

CUT = 10


def ranking_scores(similarities: Floats, relevant: NDArray[np.bool_]) -> dict[str, Score]:
    """Scores of Q questions over D documents, both (Q, D); every question needs a relevant document."""
    return rank_scores(ranked(similarities, [np.flatnonzero(row).tolist() for row in relevant]))


def ranked(similarities: Floats, relevant: Sequence[Sequence[int]]) -> list[list[int]]:
    """Ranks from 0 of each question's relevant documents. Of equally similar documents the first comes first."""
    order = np.argsort(-similarities, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None], axis=1)
    return [np.sort(row[list(documents)]).tolist() for row, documents in zip(ranks, relevant, strict=True)]


def rank_scores(ranks: Sequence[Sequence[int]]) -> dict[str, Score]:
    """Scores of Q questions from the rising ranks of their relevant documents.

    nDCG: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, relevance 0 or 1.
    """
    gains = 1 / np.log2(np.arange(2, CUT + 2))
    top = [[rank for rank in each if rank < CUT] for each in ranks]
    return {
        f"ndcg@{CUT}": mean_of(
            np.array([gains[some].sum() / gains[: len(each)].sum() for some, each in zip(top, ranks, strict=True)])
        ),
        "mrr": mean_of(np.array([1 / (each[0] + 1) for each in ranks])),
        f"recall@{CUT}": mean_of(np.array([len(some) / len(each) for some, each in zip(top, ranks, strict=True)])),
    }
