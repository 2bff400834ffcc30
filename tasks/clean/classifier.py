"""A text classifier: hashed words and pairs of words, and logistic regression.

A text is the set of its words and of its pairs of neighbouring words, each hashed into one of NUM_BUCKETS buckets. Its
features are 1/sqrt(n) in each of the n buckets that it fills. The same examples give the same weights.

Sources: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009. GPT-3 (arXiv:2005.14165,
appendix A) and DCLM (arXiv:2406.11794, with fastText) filter web text with models as simple.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.clean.kernel_types import Bytes, CharacterTable, Hashes, Index, Offsets
from tasks.clean.measures.characters import HASH_STEP, build_character_table, read_buffers
from tasks.clean.measures.tokens import find_longest, hash_tokens
from tasks.runtime.jit import jit
from tasks.runtime.text_kernels import mix_bits

# With 2^18 buckets the float32 weights are a file of 1 MB.
BUCKET_BITS = 18
NUM_BUCKETS = 1 << BUCKET_BITS
# scikit-learn's C: the larger it is, the weaker is the L2 penalty.
INVERSE_PENALTY = 10.0
TEST_EVERY = 5  # every fifth example measures the accuracy


class ClassifierWeights(NamedTuple):
    """A trained classifier: log odds are `bias` plus the sum of the weights of a text's n buckets, over sqrt(n)."""

    weights: npt.NDArray[np.float32]  # (NUM_BUCKETS,)
    bias: float


class TrainedClassifier(NamedTuple):
    """A classifier trained on all examples, and the held-out accuracy of one trained on four fifths of them."""

    classifier: ClassifierWeights
    num_positive: int
    num_negative: int
    accuracy: float


def predict_probabilities(classifier: ClassifierWeights, texts: pl.Series) -> pl.Series:
    """Return the probability of each text to be a positive example."""
    sums = np.zeros(len(texts), np.float64)
    sum_weights(*read_buffers(texts), build_character_table(), classifier.weights, sums)
    return pl.Series(texts.name, 1 / (1 + np.exp(-(sums + classifier.bias))))


def train_classifier(positive: pl.Series, negative: pl.Series) -> TrainedClassifier:
    """Measure the accuracy of a classifier trained on four fifths of the examples; train another on all of them."""
    features = hash_features(pl.concat([positive.rename("text"), negative.rename("text")]))
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    # positive rows come first, then negative ones: every fifth row takes a fifth of either class
    is_test = np.arange(len(labels)) % TEST_EVERY == 0
    trial = fit_logistic_regression(features[~is_test], labels[~is_test])
    is_right = (features[is_test] @ trial.weights + trial.bias > 0) == labels[is_test]
    classifier = fit_logistic_regression(features, labels)
    return TrainedClassifier(classifier, len(positive), len(negative), float(is_right.mean()))


def fit_logistic_regression(features: Any, labels: npt.NDArray[Any]) -> ClassifierWeights:
    """Fit weights to sparse features (texts, NUM_BUCKETS) and labels of 0 or 1 (texts,)."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second to import, and only training needs it
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    # balanced: both classes weigh the same, however many examples each has
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    with threadpool_limits(1):  # sums in another order would give other weights
        model.fit(features, labels)
    # rounded to float32, as the file stores them: a classifier scores the same before and after it was saved
    return ClassifierWeights(model.coef_[0].astype(np.float32), float(np.float32(model.intercept_[0])))


def hash_features(texts: pl.Series) -> Any:
    """Return the features of texts as a sparse matrix (texts, NUM_BUCKETS)."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - only training needs it

    data, offsets = read_buffers(texts)
    row_ends = np.zeros(len(texts) + 1, np.int64)
    columns = np.empty(2 * len(data) + 1, np.int32)  # a text of n words has at most n words and n - 1 pairs
    fill_buckets(data, offsets, build_character_table(), columns, row_ends)
    sizes = np.diff(row_ends)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    return csr_matrix((values, columns[: row_ends[-1]], row_ends), shape=(len(texts), NUM_BUCKETS))


def save_classifier(trained: TrainedClassifier, path: Path) -> None:
    """Write the tensors `weights` and `bias` to a safetensors file."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only training needs it

    about = (
        f"textmill quality classifier, {BUCKET_BITS} bits, words and pairs, held-out accuracy {trained.accuracy:.4f}"
    )
    weights, bias = trained.classifier
    save_file({"weights": weights, "bias": np.array([bias], np.float32)}, path, {"about": about})


def load_classifier(path: Path) -> ClassifierWeights:
    """Read a file written by `save_classifier`. Raises ValueError when it is something else."""
    from safetensors import SafetensorError  # noqa: PLC0415 - most runs use no classifier
    from safetensors.numpy import load_file  # noqa: PLC0415

    try:
        tensors = load_file(path)
        weights, bias = tensors["weights"], tensors["bias"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error
    if weights.shape != (NUM_BUCKETS,) or bias.shape != (1,):
        raise ValueError(f"{weights.shape} weights where {NUM_BUCKETS} are expected")
    return ClassifierWeights(weights, float(bias[0]))


def list_top_words(classifier: ClassifierWeights, texts: pl.Series, count: int) -> Iterator[tuple[str, float]]:
    """Return the words of some texts with the `count` greatest and the `count` smallest weights, greatest first."""
    words = texts.str.to_lowercase().str.extract_all(r"\w+").explode().drop_nulls().unique().sort()
    features = hash_features(words)
    # a word of several code points without spaces fills several buckets: it has no weight of its own
    has_one_bucket = np.diff(features.indptr) == 1
    weights = (features.sign() @ classifier.weights)[has_one_bucket]
    order = np.argsort(-weights, kind="stable")
    chosen = order if len(order) <= 2 * count else np.concatenate([order[:count], order[-count:]])
    names = words.filter(pl.Series(has_one_bucket))
    return ((names[int(index)], float(weights[index])) for index in chosen)


@jit
def fill_buckets(data: Bytes, offsets: Offsets, table: CharacterTable, columns: Any, row_ends: Offsets) -> None:
    """Fill `columns` with the buckets of every text, one text after the other, and `row_ends` with where each ends."""
    words = np.empty(find_longest(offsets), np.uint64)
    last_row = np.zeros(NUM_BUCKETS, np.int64)
    for row in range(offsets.size - 1):
        num_words = hash_tokens(data, offsets[row], offsets[row + 1], table, words)
        # a slice is a view: the buckets are written straight into `columns`, behind those of the text before
        num_buckets = collect_buckets(words, num_words, last_row, row + 1, columns[row_ends[row] :])
        row_ends[row + 1] = row_ends[row] + num_buckets


@jit
def sum_weights(data: Bytes, offsets: Offsets, table: CharacterTable, weights: Any, sums: Any) -> None:
    """Fill `sums` with the log odds of every text, without the bias."""
    longest = find_longest(offsets)
    words, columns = np.empty(longest, np.uint64), np.empty(2 * longest, np.int32)
    last_row = np.zeros(NUM_BUCKETS, np.int64)
    for row in range(offsets.size - 1):
        num_words = hash_tokens(data, offsets[row], offsets[row + 1], table, words)
        num_buckets = collect_buckets(words, num_words, last_row, row + 1, columns)
        total = 0.0
        for index in range(num_buckets):
            total += weights[columns[index]]
        sums[row] = total / np.sqrt(num_buckets) if num_buckets else 0.0


@jit
def collect_buckets(words: Hashes, num_words: Index, last_row: Any, row: Index, out: Any) -> Any:
    """Write the different buckets of one text's words and pairs to `out`; return how many they are.

    `last_row` holds, for each bucket, the last row that filled it: rows count from 1, so it is never cleared.
    """
    num_buckets = 0
    for position in range(num_words):
        # each word alone, and with the word before it
        for pair in range(2 if position else 1):
            value = words[position]
            if pair:
                # one of the two is multiplied, or "a b" and "b a" would be one pair; the sum wraps at 2^64
                value = mix_bits(words[position] + words[position - 1] * np.uint64(HASH_STEP))
            bucket = np.int64(value >> np.uint64(64 - BUCKET_BITS))
            if last_row[bucket] != row:
                last_row[bucket] = row
                out[num_buckets] = bucket
                num_buckets += 1
    return num_buckets
