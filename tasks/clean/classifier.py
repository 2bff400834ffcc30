"""A classifier of texts: hashed words and pairs of words, and logistic regression.

A text is the set of its words and pairs of neighbours, each hashed into one of BUCKETS; x is 1/sqrt(n) for the n
buckets it fills. The same examples give the same weights. Weinberger et al., "Feature Hashing for Large Scale Multitask
Learning", 2009; that so simple a model serves to sift web text: GPT-3 (arXiv:2005.14165, appendix A), fastText in
DCLM (arXiv:2406.11794).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.clean.measures.characters import STEP, bytes_of, character_table
from tasks.clean.measures.tokens import longest_of, tokens
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

BITS = 18
BUCKETS = 1 << BITS
INVERSE_PENALTY = 10.0
HELD_OUT = 5  # one example in so many measures the accuracy


class Weights(NamedTuple):
    """A trained classifier: log odds are `bias` plus the sum of the weights of a text's buckets over their root."""

    weights: npt.NDArray[np.float32]  # (BUCKETS,)
    bias: float


class Trained(NamedTuple):
    """A classifier, and what it does to the fifth of the examples that it was first not trained on."""

    classifier: Weights
    num_good: int
    num_bad: int
    accuracy: float


def probabilities(classifier: Weights, texts: pl.Series) -> pl.Series:
    """How likely each text is a good one."""
    found = np.zeros(len(texts), np.float64)
    score(*bytes_of(texts), character_table(), classifier.weights, found)
    return pl.Series(texts.name, 1 / (1 + np.exp(-(found + classifier.bias))))


def train(good: pl.Series, bad: pl.Series) -> Trained:
    """Fit on four fifths and measure on the rest, then fit on all."""
    rows = features(pl.concat([good.rename("text"), bad.rename("text")]))
    labels = np.repeat([1, 0], [len(good), len(bad)])
    measured = np.arange(len(labels)) % HELD_OUT == 0
    tried = fitted(rows[~measured], labels[~measured])
    right = (rows[measured] @ tried.weights + tried.bias > 0) == labels[measured]
    return Trained(fitted(rows, labels), len(good), len(bad), float(right.mean()))


def fitted(rows: Any, labels: npt.NDArray[Any]) -> Weights:
    """Logistic regression on sparse rows."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import, and only training needs it
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    # weighed so that both kinds count the same, however many examples each has
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    with threadpool_limits(1):  # sums in another order would give other weights
        model.fit(rows, labels)
    return Weights(model.coef_[0].astype(np.float32), float(np.float32(model.intercept_[0])))


def features(texts: pl.Series) -> Any:
    """One sparse row a text, (rows, BUCKETS)."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - only training needs it

    data, offsets = bytes_of(texts)
    ends = np.zeros(len(texts) + 1, np.int64)
    columns = np.empty(2 * len(data) + 1, np.int32)
    fill(data, offsets, character_table(), columns, ends)
    sizes = np.diff(ends)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    return csr_matrix((values, columns[: ends[-1]], ends), shape=(len(texts), BUCKETS))


def save(trained: Trained, path: Path) -> None:
    """As safetensors: `weights` and `bias`."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only training needs it

    about = f"textmill quality classifier, {BITS} bits, words and pairs, held-out accuracy {trained.accuracy:.4f}"
    weights, bias = trained.classifier
    save_file({"weights": weights, "bias": np.array([bias], np.float32)}, path, {"about": about})


def load(path: Path) -> Weights:
    """What `save` wrote. Raises ValueError when it is something else."""
    from safetensors import SafetensorError  # noqa: PLC0415 - half the documents are never judged by a classifier
    from safetensors.numpy import load_file  # noqa: PLC0415

    try:
        found = load_file(path)
        weights, bias = found["weights"], found["bias"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error
    if weights.shape != (BUCKETS,) or bias.shape != (1,):
        raise ValueError(f"{weights.shape} weights where {BUCKETS} are expected")
    return Weights(weights, float(bias[0]))


def telling(classifier: Weights, texts: pl.Series, count: int) -> Iterator[tuple[str, float]]:
    """The words of some texts with the greatest and the smallest weights, greatest first."""
    words = texts.str.to_lowercase().str.extract_all(r"\w+").explode().drop_nulls().unique().sort()
    single = features(words)
    alone = np.diff(single.indptr) == 1  # a word of several code points without spaces has more
    weights = (single.sign() @ classifier.weights)[alone]
    order = np.argsort(-weights, kind="stable")
    chosen = order if len(order) <= 2 * count else np.concatenate([order[:count], order[-count:]])
    names = words.filter(pl.Series(alone))
    return ((names[int(place)], float(weights[place])) for place in chosen)


@jit
def fill(data: Any, offsets: Any, table: Any, columns: Any, ends: Any) -> None:
    """The buckets of every text, one after the other."""
    words = np.empty(longest_of(offsets), np.uint64)
    filled_by = np.zeros(BUCKETS, np.int64)
    for row in range(offsets.size - 1):
        number = tokens(data, offsets[row], offsets[row + 1], table, words)
        ends[row + 1] = ends[row] + buckets(words, number, filled_by, row + 1, columns[ends[row] :])


@jit
def score(data: Any, offsets: Any, table: Any, weights: Any, found: Any) -> None:
    """The log odds of every text, less the bias."""
    room = longest_of(offsets)
    words, columns = np.empty(room, np.uint64), np.empty(2 * room, np.int32)
    filled_by = np.zeros(BUCKETS, np.int64)
    for row in range(offsets.size - 1):
        number = tokens(data, offsets[row], offsets[row + 1], table, words)
        count = buckets(words, number, filled_by, row + 1, columns)
        total = 0.0
        for place in range(count):
            total += weights[columns[place]]
        found[row] = total / np.sqrt(count) if count else 0.0


@jit
def buckets(words: Any, number: Any, filled_by: Any, row: Any, out: Any) -> Any:
    """The different buckets of one text's words and pairs into `out`; returns how many."""
    count = 0
    for place in range(number):
        for pair in range(2 if place else 1):
            value = words[place] if not pair else mix_bits(words[place] + words[place - 1] * np.uint64(STEP))
            bucket = np.int64(value >> np.uint64(64 - BITS))
            if filled_by[bucket] != row:
                filled_by[bucket] = row
                out[count] = bucket
                count += 1
    return count
