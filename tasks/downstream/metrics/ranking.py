"""Documents in order for a question: nDCG, reciprocal rank and recall."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.downstream.metrics import Floats, Score, mean_score

CUTOFF = 10


def score_rankings(similarities: Floats, relevant: NDArray[np.bool_]) -> dict[str, Score]:
    """Return the scores of Q questions over D documents, both (Q, D); every question needs a relevant document."""
    return score_ranks(find_ranks(similarities, [np.flatnonzero(row).tolist() for row in relevant]))


def find_ranks(similarities: Floats, relevant: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the ranks, from 0, of each question's relevant documents, from similarities (questions, documents).

    Of equally similar documents the first one ranks higher.
    """
    order = np.argsort(-similarities, axis=1, kind="stable")
    # the inverse of the permutation: the rank of each document
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None], axis=1)
    return [np.sort(row[list(documents)]).tolist() for row, documents in zip(ranks, relevant, strict=True)]


def score_ranks(ranks: Sequence[Sequence[int]]) -> dict[str, Score]:
    """Return the scores of Q questions from the ascending ranks of their relevant documents.

    nDCG: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, relevance 0 or 1.
    """
    # Rank 0 has the discount log2(2) = 1.
    gains = 1 / np.log2(np.arange(2, CUTOFF + 2))
    top = [[rank for rank in question if rank < CUTOFF] for question in ranks]
    pairs = list(zip(top, ranks, strict=True))
    # Divided by the gain of the ideal order, with as many relevant documents as there are, up to the cutoff by the
    # slice.
    ndcg = [gains[top_ranks].sum() / gains[: len(all_ranks)].sum() for top_ranks, all_ranks in pairs]
    recalls = [len(top_ranks) / len(all_ranks) for top_ranks, all_ranks in pairs]
    return {
        f"ndcg@{CUTOFF}": mean_score(np.array(ndcg)),
        "mrr": mean_score(np.array([1 / (question[0] + 1) for question in ranks])),
        f"recall@{CUTOFF}": mean_score(np.array(recalls)),
    }
