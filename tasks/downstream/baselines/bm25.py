"""Okapi BM25, the order by words that every retrieval model is held against."""

import numpy as np

from tasks.downstream.metrics import Floats
from tasks.downstream.metrics.words import words

K1, B = 1.2, 0.75


def bm25(questions: list[str], documents: list[str]) -> Floats:
    """How well each document fits each question, (Q, D).

    Robertson, Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009, section 3.4, with the logarithm
    of 1 + … that keeps a frequent word's weight above zero. A Chinese or Japanese character is a word.
    """
    # they take more than a second to import, and who plans a run needs neither
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

    counter = CountVectorizer(analyzer=words)
    counts = counter.fit_transform(documents).tocsr().astype(np.float64)
    asked = counter.transform(questions).astype(np.float64)
    lengths = np.asarray(counts.sum(1)).ravel()
    having = np.asarray((counts > 0).sum(0)).ravel()
    weights = np.log1p((len(documents) - having + 0.5) / (having + 0.5))
    norms = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
    rows = np.repeat(np.arange(len(documents)), np.diff(counts.indptr))
    values = counts.data * (K1 + 1) / (counts.data + norms[rows]) * weights[counts.indices]
    scored = csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)
    found: Floats = (asked @ scored.T).toarray()
    return found
