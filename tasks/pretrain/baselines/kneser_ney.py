"""An interpolated Kneser–Ney trigram model as a baseline (Chen and Goodman 1999, equation 24).

The probability that each context loses by discounting goes to the next shorter context, which counts in how many
contexts a token occurs, not how often.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.rows import Rows
from tasks.pretrain.training.training_data import TrainingData

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ORDER = 3
MAX_TOKENS = 1 << 22  # more would take much longer and hardly change the loss


def compute_trigram_loss(corpus: TrainingData, num_rows: int) -> float | None:
    """Return the validation loss in nats of a trigram model of the run's first `num_rows` rows, each counted once.

    None without validation rows. The model sees at most MAX_TOKENS tokens.
    """
    corpus_rows = min(num_rows, len(corpus), MAX_TOKENS // corpus.validation.length)
    if not corpus.num_validation or not corpus_rows:
        return None
    batches = [corpus.load_rows(samples) for samples in np.array_split(np.arange(corpus_rows), -(-corpus_rows // 1024))]
    training = np.concatenate([extract_ngrams(rows) for rows in batches])
    validation = extract_ngrams(corpus.validation.read_samples(np.arange(corpus.num_validation), seed=0))
    return KneserNeyModel(training, corpus.vocabulary.size).compute_loss(validation)


def extract_ngrams(rows: Rows) -> Int64s:
    """Return the n-grams (N, ORDER) of all tokens that a causal model predicts, each token after its context.

    These are all tokens that have one before them in their document. In front of a document is the id `vocab_size`,
    which no token has.
    """
    size = rows.vocabulary.size
    columns = []
    for distance in range(ORDER - 1, -1, -1):
        # roll brings tokens from the row's end to its front; `positions` are below the distance there, so they are
        # replaced.
        context = np.roll(rows.tokens, distance, axis=1)
        columns.append(np.where(rows.positions >= distance, context, size))
    is_predicted = (rows.positions > 0) & (rows.documents >= 0)
    return np.stack([column[is_predicted] for column in columns], axis=1)


class NgramCounts(NamedTuple):
    """The counts of the n-grams of one order, sorted by key, and the sums over the n-grams of each context."""

    keys: Int64s
    counts: Int64s
    contexts: Int64s
    """key of each context, sorted"""
    totals: Int64s
    """occurrences of each context"""
    num_continuations: Int64s
    """number of different tokens after each context"""
    discount: float

    def compute_probability(self, keys: Int64s, contexts: Int64s, shorter: Floats) -> Floats:
        """Return the probability of each n-gram's last token; `shorter` are the probabilities at one order less."""
        # The whole discount of a context, once for each different token in it, goes to the shorter context.
        discounted = np.maximum(_look_up(self.keys, self.counts, keys) - self.discount, 0.0)
        total = _look_up(self.contexts, self.totals, contexts)
        backoff = self.discount * _look_up(self.contexts, self.num_continuations, contexts)
        is_known = total > 0
        probabilities: Floats = np.where(
            is_known, (discounted + backoff * shorter) / np.where(is_known, total, 1), shorter
        )
        return probabilities


def _look_up(keys: Int64s, values: Int64s, queries: Int64s) -> Int64s:
    """Return the value of each query, 0 where `keys`, which are sorted, do not hold it."""
    indices = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    looked_up: Int64s = np.where(keys[indices] == queries, values[indices], 0)
    return looked_up


class KneserNeyModel:
    """Counts n-grams of training text, and scores those of other text."""

    def __init__(self, ngrams_N3: Int64s, vocab_size: int) -> None:
        self.size = vocab_size
        self.base = vocab_size + 1
        self.levels: list[NgramCounts] = []
        ngrams, occurrences = np.unique(self._pack_keys(ngrams_N3, ORDER), return_counts=True)
        for order in range(ORDER, 0, -1):
            once, twice = int((occurrences == 1).sum()), int((occurrences == 2).sum())
            # Without its last token a key is the context's.
            contexts, context_indices = np.unique(ngrams // self.base, return_inverse=True)
            totals = np.bincount(context_indices, weights=occurrences).astype(np.int64)
            # The usual estimate of the discount; a very short text may have no n-gram that occurs once.
            discount = once / (once + 2 * twice) if once else 0.5
            self.levels.insert(
                0, NgramCounts(ngrams, occurrences, contexts, totals, np.bincount(context_indices), discount)
            )
            # at the next lower order an n-gram counts once for each different token in front of it
            ngrams, occurrences = np.unique(ngrams % self.base ** (order - 1), return_counts=True)

    def _pack_keys(self, ngrams_N3: Int64s, order: int) -> Int64s:
        """Return the last `order` tokens of each n-gram as one integer."""
        # Three tokens fit into 63 bits up to a vocabulary of 2 million.
        keys = np.zeros(len(ngrams_N3), dtype=np.int64)
        for column in ngrams_N3.T[ORDER - order :]:
            keys = keys * self.base + column
        return keys

    def compute_loss(self, ngrams_N3: Int64s) -> float:
        """Return the mean cross entropy of the n-grams' last tokens, in nats."""
        # from the uniform distribution over unigrams and bigrams to trigrams
        probabilities = np.full(len(ngrams_N3), 1 / self.size)
        for order, level in enumerate(self.levels, 1):
            keys = self._pack_keys(ngrams_N3, order)
            probabilities = level.compute_probability(keys, keys // self.base, probabilities)
        # No probability is 0: the uniform distribution reaches through every level.
        return float(-np.log(probabilities).mean())
