"""Split the documents: train, validation, held out. A text's hash decides, so it is the same in every run and snapshot.

The column and the JSON keys of artifacts call a split a `part`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.document_weights import (
    Floats,
    Ints,
    compute_weights,
    draw_repeat_counts,
    read_languages,
    repeat_rows,
)
from tasks.tokenize.settings import Weight

Split = Literal["train", "validation", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "validation", "heldout")
TRAIN, VALIDATION, HELDOUT = range(len(SPLITS))
DOCUMENT_COLUMNS = ("id", "url", "title", "text", "language", "source")
BATCH_ROWS = 512


class SplitFractions(NamedTuple):
    """Fractions of the documents that are not trained on: for the validation loss, and for evaluation."""

    validation: float
    heldout: float


def hash_to_fractions(text: bytes | memoryview) -> tuple[float, float]:
    """Return two independent numbers in [0, 1) that depend on the text (in UTF-8) alone.

    The first chooses the split, the second whether a fraction of a weight repeats the document.
    """
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:]) / 2**64


def choose_split(text: str, fractions: SplitFractions) -> Split:
    """Return the split of a text."""
    return SPLITS[int(assign_splits(np.array([hash_to_fractions(text.encode())[0]]), fractions)[0])]


def assign_splits(numbers: Floats, fractions: SplitFractions) -> Ints:
    """Return the indices in SPLITS of texts, by the first number that `hash_to_fractions` gives for each.

    Held-out texts come first on the scale, so that a larger held-out fraction keeps those of a smaller one.
    """
    # side="right": a number that equals a limit is above it, so a fraction of 0 takes nothing
    limits = np.array([fractions.heldout, fractions.heldout + fractions.validation])
    return np.array([HELDOUT, VALIDATION, TRAIN])[np.searchsorted(limits, numbers, side="right")]


def compute_text_fractions(texts: pa.Array) -> Floats:
    """Return the two numbers of `hash_to_fractions` for each text, (rows, 2)."""
    data, offsets = text_buffers(texts)
    view = memoryview(data.data)  # slices of it are hashed without a copy
    bounds = pairwise(offsets.tolist())
    return np.array([hash_to_fractions(view[start:end]) for start, end in bounds], np.float64).reshape(-1, 2)


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the documents of one shard, BATCH_ROWS at a time; a missing column is null.

    Raises StageFailure when the columns `id` or `text` are missing, or the file cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in DOCUMENT_COLUMNS if name in file.schema_arrow.names]
            if "text" not in columns or "id" not in columns:
                raise StageFailure(
                    f"{path} has no column 'id' or 'text'", "Give the artifact of a dedup or clean stage"
                )
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                yield align_columns(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(
            f"{path} cannot be read as Parquet ({error})", "Build its artifact again with --force"
        ) from error


def align_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return all DOCUMENT_COLUMNS in their order, as strings in valid UTF-8; a null is an empty text."""
    columns = [
        batch.column(name).cast(pa.string()) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.string())
        for name in DOCUMENT_COLUMNS
    ]
    text = DOCUMENT_COLUMNS.index("text")
    columns[text] = pc.fill_null(columns[text], "")
    columns[text].validate(full=True)  # the encoder's kernels read UTF-8 unchecked
    return pa.RecordBatch.from_arrays(columns, DOCUMENT_COLUMNS)


def survey_shard(_out: Path, documents: Path, fractions: SplitFractions, rules: list[Weight]) -> dict[str, Any]:
    """Count the documents of each split of one shard, and the bytes to train on of each language, with repeats."""
    num_documents = np.zeros(len(SPLITS), np.int64)
    sizes: dict[str, float] = defaultdict(float)
    for batch in read_batches(documents):
        splits = assign_splits(compute_text_fractions(batch.column("text"))[:, 0], fractions)
        num_documents += np.bincount(splits, minlength=len(SPLITS))
        # only the training split is sampled for the vocabulary
        weights = np.where(splits == TRAIN, compute_weights(rules, batch), 0)
        weighted_sizes = weights * np.diff(text_buffers(batch.column("text"))[1])
        for language, size in zip(read_languages(batch).to_pylist(), weighted_sizes.tolist(), strict=True):
            sizes[language] += size
    return {"documents": dict(zip(SPLITS, num_documents.tolist(), strict=True)), "bytes": sizes}


def compute_sampling_rates(sizes: dict[str, float], max_bytes: float, alpha: float) -> dict[str, float]:
    """Return how often the text of each language is in a sample of `max_bytes` (of all, where there are fewer).

    Languages are in the sample by their bytes to the power of `alpha` (Conneau & Lample, 2019): a rare one may come
    more than once.
    """
    sizes = {language: size for language, size in sizes.items() if size}
    powers = {language: size**alpha for language, size in sizes.items()}
    # language shares of the sample add up to it: budget * size^alpha bytes each
    budget = min(max_bytes, sum(sizes.values())) / max(sum(powers.values()), 1)
    return {language: budget * powers[language] / size for language, size in sizes.items()}


def sample_texts(
    shards: list[Path], fractions: SplitFractions, rules: list[Weight], rates: dict[str, float]
) -> Iterator[list[str]]:
    """Yield batches of texts to train a vocabulary on: each language of the training split as often as `rates` say."""
    for path in shards:
        for batch in read_batches(path):
            numbers = compute_text_fractions(batch.column("text"))
            language_rates = [rates.get(language, 0) for language in read_languages(batch).to_pylist()]
            weights = compute_weights(rules, batch) * language_rates
            weights[assign_splits(numbers[:, 0], fractions) != TRAIN] = 0
            rows = repeat_rows(draw_repeat_counts(weights, numbers[:, 1]))
            yield batch.column("text").take(rows).to_pylist()
