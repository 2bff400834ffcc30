"""Okapi BM25, the lexical ranking that retrieval models are compared with."""

import numpy as np

from tasks.downstream.metrics import Floats
from tasks.downstream.metrics.words import split_words

# Lucene's defaults.
K1, B = 1.2, 0.75


def score_bm25(questions: list[str], documents: list[str]) -> Floats:
    """Return the BM25 score of each document for each question, (Q, D).

    Robertson, Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009, section 3.4, with the logarithm
    of 1 + … that keeps a frequent word's weight above zero. A Chinese or Japanese character is a word.
    """
    # the imports take more than a second, and planning a run needs neither
    from scipy.sparse import csr_matrix  # noqa: PLC0415
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

    vectorizer = CountVectorizer(analyzer=split_words)
    counts = vectorizer.fit_transform(documents).tocsr().astype(np.float64)
    question_counts = vectorizer.transform(questions).astype(np.float64)
    lengths = np.asarray(counts.sum(1)).ravel()
    document_frequencies = np.asarray((counts > 0).sum(0)).ravel()
    weights = np.log1p((len(documents) - document_frequencies + 0.5) / (document_frequencies + 0.5))
    # max: documents of no words at all have a mean length of 0
    norms = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
    # the document of each stored count, since only counts above zero contribute
    rows = np.repeat(np.arange(len(documents)), np.diff(counts.indptr))
    # On the stored counts only: zeros score zero, and the matrix stays sparse.
    values = counts.data * (K1 + 1) / (counts.data + norms[rows]) * weights[counts.indices]
    word_scores = csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)
    scores: Floats = (question_counts @ word_scores.T).toarray()
    return scores
