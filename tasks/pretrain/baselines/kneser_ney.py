"""What counting alone reaches: an interpolated Kneser–Ney trigram model (Chen and Goodman 1999, equation 24).

Each context's discount goes to the next shorter one, which counts in how many contexts a token occurs, not how often.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.pretrain.data.rows import Rows
from tasks.pretrain.training.training_data import TrainingData

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ORDER = 3


MOST_TOKENS = 1 << 22  # counting more would take longer than it tells


def counted_loss(corpus: TrainingData, num_rows: int) -> float | None:
    """Validation loss of a trigram model that saw the run's first rows, each once; None without validation rows."""
    corpus_rows = min(num_rows, len(corpus), MOST_TOKENS // corpus.validation.length)
    if not corpus.num_validation or not corpus_rows:
        return None
    parts = [corpus.load_rows(slots) for slots in np.array_split(np.arange(corpus_rows), -(-corpus_rows // 1024))]
    training = np.concatenate([windows(rows) for rows in parts])
    validation = windows(corpus.validation.at(np.arange(corpus.num_validation), seed=0))
    return NGram(training, corpus.vocabulary.size).loss(validation)


def windows(rows: Rows) -> Int64s:
    """(N, ORDER): every token that has one before it in its document, behind its context, as causal models guess them.

    Before a document's first token stand numbers that no token has.
    """
    size = rows.vocabulary.size
    columns = []
    for back in range(ORDER - 1, -1, -1):
        earlier = np.roll(rows.tokens, back, axis=1)
        columns.append(np.where(rows.positions >= back, earlier, size))
    guessed = (rows.positions > 0) & (rows.documents >= 0)
    return np.stack([column[guessed] for column in columns], axis=1)


class Counts(NamedTuple):
    """How often each n-gram occurs, sorted by its key; and the sums over the n-grams of each context."""

    keys: Int64s
    counts: Int64s
    contexts: Int64s
    totals: Int64s
    kinds: Int64s
    discount: float

    def share(self, keys: Int64s, contexts: Int64s, shorter: Floats) -> Floats:
        """The probability of each n-gram's last token, given those of the shorter ones."""
        seen = np.maximum(_found(self.keys, self.counts, keys) - self.discount, 0.0)
        total = _found(self.contexts, self.totals, contexts)
        left = self.discount * _found(self.contexts, self.kinds, contexts)
        known = total > 0
        mixed: Floats = np.where(known, (seen + left * shorter) / np.where(known, total, 1), shorter)
        return mixed


def _found(keys: Int64s, values: Int64s, wanted: Int64s) -> Int64s:
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: Int64s = np.where(keys[places] == wanted, values[places], 0)
    return found


class NGram:
    """Counts of training windows; scores other windows."""

    def __init__(self, training: Int64s, size: int) -> None:
        self.size = size
        self.base = size + 1
        self.levels: list[Counts] = []
        seen, occurrences = np.unique(self._keys(training, ORDER), return_counts=True)
        for order in range(ORDER, 0, -1):
            once, twice = int((occurrences == 1).sum()), int((occurrences == 2).sum())
            contexts, of = np.unique(seen // self.base, return_inverse=True)
            totals = np.bincount(of, weights=occurrences).astype(np.int64)
            # too small a text may have no n-gram that occurs once
            discount = once / (once + 2 * twice) if once else 0.5
            self.levels.insert(0, Counts(seen, occurrences, contexts, totals, np.bincount(of), discount))
            # one level down an n-gram counts once for each token that stands before it
            seen, occurrences = np.unique(seen % self.base ** (order - 1), return_counts=True)

    def _keys(self, windows_N3: Int64s, order: int) -> Int64s:
        keys = np.zeros(len(windows_N3), dtype=np.int64)
        for column in windows_N3.T[ORDER - order :]:
            keys = keys * self.base + column
        return keys

    def loss(self, windows_N3: Int64s) -> float:
        """Mean cross entropy of the last tokens, in nats."""
        shares = np.full(len(windows_N3), 1 / self.size)
        for order, level in enumerate(self.levels, 1):
            keys = self._keys(windows_N3, order)
            shares = level.share(keys, keys // self.base, shares)
        return float(-np.log(shares).mean())
