"""Which part of the corpus a text belongs to. Its hash decides, so it is the same in every run and snapshot."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import StageFailure
from tasks.runtime.text_kernels import text_buffers
from tasks.tokenize.document_weights import Floats, compute_weights, draw_repeat_counts, read_languages, repeat_rows
from tasks.tokenize.settings import Weight

Split = Literal["train", "validation", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "validation", "heldout")
TRAIN, VALIDATION, HELDOUT = range(len(SPLITS))
COLUMNS = ("id", "url", "title", "text", "language", "source")
ROWS_A_BATCH = 512


class SplitFractions(NamedTuple):
    """What share of the documents is kept from training: to watch the loss, and to evaluate with."""

    validation: float
    heldout: float


def hash_to_fractions(text: str) -> tuple[float, float]:
    """Two independent numbers in [0, 1) that depend on the text alone."""
    return of_bytes(text.encode())


def of_bytes(text: bytes | memoryview) -> tuple[float, float]:
    """The same of a text in UTF-8."""
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:]) / 2**64


def choose_split(text: str, shares: SplitFractions) -> Split:
    """The part of a text."""
    return SPLITS[int(assign_splits(np.array([hash_to_fractions(text)[0]]), shares)[0])]


def assign_splits(places: Floats, shares: SplitFractions) -> npt.NDArray[np.int64]:
    """The numbers of the parts in PARTS, by the first fractions of the texts."""
    limits = np.array([shares.heldout, shares.heldout + shares.validation])
    return np.array([SPLITS.index(name) for name in ("heldout", "validation", "train")])[
        np.searchsorted(limits, places, side="right")
    ]


def compute_text_fractions(texts: pa.Array) -> Floats:
    """The fractions of each text, (rows, 2)."""
    data, offsets = text_buffers(texts)
    view = memoryview(data.data)  # slices of it are hashed where they lie
    ends = offsets.tolist()
    return np.array([of_bytes(view[a:b]) for a, b in pairwise(ends)], np.float64).reshape(-1, 2)


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The documents of one shard, some hundred at a time. A column that it lacks is null; text must be there."""
    try:
        with pq.ParquetFile(path) as file:
            there = [name for name in COLUMNS if name in file.schema_arrow.names]
            if "text" not in there or "id" not in there:
                raise StageFailure(
                    f"{path} has no column 'id' or 'text'", "Give the artifact of a dedup or clean stage"
                )
            for batch in file.iter_batches(ROWS_A_BATCH, columns=there):
                yield aligned(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(
            f"{path} cannot be read as Parquet ({error})", "Build its artifact again with --force"
        ) from error


def aligned(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns in their order, as strings in valid UTF-8; a null is an empty text."""
    columns = [
        batch.column(name).cast(pa.string()) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.string())
        for name in COLUMNS
    ]
    text = COLUMNS.index("text")
    columns[text] = pc.fill_null(columns[text], "")
    columns[text].validate(full=True)
    return pa.RecordBatch.from_arrays(columns, COLUMNS)


def survey_shard(_out: Path, documents: Path, shares: SplitFractions, rules: list[Weight]) -> dict[str, Any]:
    """Documents of each part in one shard, and bytes to train on of each language, as often as they will be seen."""
    counts = np.zeros(len(SPLITS), np.int64)
    sizes: dict[str, float] = defaultdict(float)
    for batch in read_batches(documents):
        mine = assign_splits(compute_text_fractions(batch.column("text"))[:, 0], shares)
        counts += np.bincount(mine, minlength=len(SPLITS))
        seen = np.where(mine == TRAIN, compute_weights(rules, batch), 0) * np.diff(
            text_buffers(batch.column("text"))[1]
        )
        for language, size in zip(read_languages(batch).to_pylist(), seen.tolist(), strict=True):
            sizes[language] += size
    return {"documents": dict(zip(SPLITS, counts.tolist(), strict=True)), "bytes": sizes}


def compute_sampling_rates(sizes: dict[str, float], most_bytes: float, smoothing: float) -> dict[str, float]:
    """How often the text of each language is in a sample of so many bytes (of all, where there are fewer).

    Languages share the sample by their bytes to the power of `smoothing` (Conneau & Lample, 2019): a rare one may come
    more than once.
    """
    present = {language: size for language, size in sizes.items() if size}
    powers = {language: size**smoothing for language, size in present.items()}
    budget = min(most_bytes, sum(present.values())) / max(sum(powers.values()), 1)
    return {language: budget * powers[language] / size for language, size in present.items()}


def sample_texts(
    shards: list[Path], shares: SplitFractions, rules: list[Weight], often: dict[str, float]
) -> Iterator[list[str]]:
    """Batches of texts to train a vocabulary on: each language of the part to train on so often, and nothing else."""
    for path in shards:
        for batch in read_batches(path):
            fractions = compute_text_fractions(batch.column("text"))
            wanted = compute_weights(rules, batch) * [
                often.get(language, 0) for language in read_languages(batch).to_pylist()
            ]
            wanted[assign_splits(fractions[:, 0], shares) != TRAIN] = 0
            yield batch.column("text").take(repeat_rows(draw_repeat_counts(wanted, fractions[:, 1]))).to_pylist()
