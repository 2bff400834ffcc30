"""Documents in order for a question: nDCG, reciprocal rank and recall."""

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.metrics import Floats, Score, mean_of

CUT = 10


def ranking_scores(similarities: Floats, relevant: NDArray[np.bool_]) -> dict[str, Score]:
    """Scores of Q questions over D documents, both (Q, D); every question needs a relevant document.

    nDCG: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, relevance 0 or 1. Of equally
    similar documents the first comes first.
    """
    order = np.argsort(-similarities, axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1).astype(np.float64)
    top = hits[:, :CUT]
    discounts = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    many = relevant.sum(1)
    ideal = np.cumsum(discounts)[np.minimum(many, top.shape[1]) - 1]
    return {
        f"ndcg@{CUT}": mean_of(top @ discounts / ideal),
        "mrr": mean_of(1 / (hits.argmax(1) + 1)),
        f"recall@{CUT}": mean_of(top.sum(1) / many),
    }
