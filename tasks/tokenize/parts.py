"""Which part of the corpus a text belongs to. Its hash decides, so it is the same in every run and snapshot."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.failure import StageFailure

Part = Literal["train", "validation", "heldout"]
PARTS: tuple[Part, ...] = ("train", "validation", "heldout")
COLUMNS = ("id", "url", "title", "text", "language")
ROWS_A_BATCH = 512


class Shares(NamedTuple):
    """What share of the documents is kept from training: to watch the loss, and to evaluate with."""

    validation: float
    heldout: float


def fractions(text: str) -> tuple[float, float]:
    """Two independent numbers in [0, 1) that depend on the text alone."""
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest()
    return int.from_bytes(digest[:8]) / 2**64, int.from_bytes(digest[8:]) / 2**64


def part_of(text: str, shares: Shares) -> Part:
    """The part of a text."""
    place = fractions(text)[0]
    if place < shares.heldout:
        return "heldout"
    return "validation" if place < shares.heldout + shares.validation else "train"


def batches(path: Path) -> Iterator[pa.RecordBatch]:
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
    """The columns in their order, as strings."""
    columns = [
        batch.column(name).cast(pa.string()) if name in batch.schema.names else pa.nulls(batch.num_rows, pa.string())
        for name in COLUMNS
    ]
    return pa.RecordBatch.from_arrays(columns, COLUMNS)


def texts_of(batch: pa.RecordBatch) -> list[str]:
    """The texts of a batch; a null is an empty text."""
    return [text or "" for text in batch.column("text").to_pylist()]


def survey(_out: Path, documents: Path, shares: Shares) -> dict[str, Any]:
    """Documents and bytes of each part in one shard."""
    counts: dict[str, dict[str, int]] = {part: {"documents": 0, "bytes": 0} for part in PARTS}
    for batch in batches(documents):
        for text in texts_of(batch):
            mine = counts[part_of(text, shares)]
            mine["documents"] += 1
            mine["bytes"] += len(text.encode(errors="replace"))
    return counts


def sampled(shards: list[Path], shares: Shares, share: float) -> Iterator[list[str]]:
    """Batches of texts to train a vocabulary on: such a share of the part to train on, and nothing else."""
    for path in shards:
        for batch in batches(path):
            yield [text for text in texts_of(batch) if part_of(text, shares) == "train" and fractions(text)[1] < share]
