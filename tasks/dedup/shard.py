"""A file of documents as dedup sees it: its texts batch by batch, some of its rows, what was sketched of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.dedup.bands import Layout, band_keys, digest_keys
from tasks.dedup.minhash import sketch
from tasks.failure import StageFailure

Rows = npt.NDArray[np.int64]
BATCH = 512  # documents in memory at once
QUALITY = "score_quality"  # of the classifier among the filters; the better of several copies stays


class Shard(NamedTuple):
    """A document file and where what is known of its rows lies: sketches of its own, or an earlier result's index."""

    documents: Path
    known: Path
    snapshot: int
    earlier: bool


def opened(path: Path) -> pq.ParquetFile:
    """A Parquet file. Raises StageFailure when it is none."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(
            f"{path} cannot be read as Parquet ({error})", "Build its artifact again with --force"
        ) from error


def as_strings(array: pa.Array) -> pa.Array:
    """The array as strings that lie in one buffer, as dictionaries and views do not."""
    return array if array.type in (pa.string(), pa.large_string()) else array.cast(pa.large_string())


def column(path: Path, name: str) -> Iterator[pa.Array]:
    """A text column of a document file, some thousand rows at a time, as `as_strings` gives them."""
    with opened(path) as file:
        if name not in file.schema_arrow.names:
            raise StageFailure(f"{path} has no column {name!r}", "Give the artifact of a clean or crawl stage")
        for batch in file.iter_batches(BATCH, columns=[name], use_threads=False):
            yield as_strings(batch.column(0))


def some_rows(path: Path, rows: Rows, columns: Sequence[str]) -> Iterator[tuple[Rows, pa.RecordBatch]]:
    """Chosen rows of a Parquet file, in rising order: places in `rows` and the columns, some hundred rows at a time.

    Row groups without a chosen row are not read.
    """
    with opened(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        begins = np.cumsum([0, *sizes])
        holds = np.diff(np.searchsorted(rows, begins)) > 0
        for group in np.flatnonzero(holds).tolist():
            begin = begins[group]
            for batch in file.iter_batches(BATCH, row_groups=[group], columns=list(columns), use_threads=False):
                first, last = np.searchsorted(rows, [begin, begin + len(batch)])
                if first < last:
                    yield np.arange(first, last), batch.take(pa.array(rows[first:last] - begin))
                begin += len(batch)


def write_texts(path: Path, texts: dict[int, str]) -> None:
    """Save texts of which something was cut out, by row."""
    columns = {"row": pa.array(list(texts), pa.int64()), "text": pa.array(list(texts.values()), pa.large_string())}
    pq.write_table(pa.table(columns), path)


def texts_by_row(path: Path) -> dict[int, str]:
    """What `write_texts` saved; nothing where nothing was looked for."""
    if not path.exists():
        return {}
    table = pq.read_table(path)
    return dict(zip(table.column("row").to_pylist(), table.column("text").to_pylist(), strict=True))


def qualities(documents: Path, count: int) -> npt.NDArray[np.float32]:
    """The quality of every document; the same for all where no classifier scored them."""
    with opened(documents) as file:
        if QUALITY not in file.schema_arrow.names:
            return np.zeros(count, np.float32)
        scores = pc.fill_null(file.read([QUALITY]).column(0).cast(pa.float32()), 0.0)
        found: npt.NDArray[np.float32] = np.nan_to_num(scores.to_numpy())
        return found


def write_sketches(folder: Path, documents: Path, of: Layout, num_perm: int, size: int, seed: int) -> int:
    """Save what deciding needs of a file's texts, each array in a file that can be mapped; returns how many texts.

    Of a signature the low byte of each entry is kept: a quarter of the space for an estimate that is as good as the
    whole one but for 1/256 (Li, König, "b-Bit Minwise Hashing", WWW 2010).
    """
    parts: dict[str, list[npt.NDArray[Any]]] = {"signatures": [], "digests": [], "words": [], "lengths": []}
    for texts in column(documents, "text"):
        made = sketch(texts, num_perm, size, seed)
        parts["signatures"].append(made.signatures.astype(np.uint8))
        parts["digests"].append(made.digests)
        parts["words"].append(made.num_words)
        parts["lengths"].append(pc.fill_null(pc.utf8_length(texts), 0).to_numpy().astype(np.int64))
    empty = {"signatures": np.empty((0, num_perm), np.uint8), "digests": np.empty((0, 2), np.uint64)}
    whole = {name: np.concatenate([empty.get(name, np.empty(0, np.int64)), *found]) for name, found in parts.items()}
    keys, rows = sorted_keys(whole, of)
    folder.mkdir(parents=True)
    for name, array in (whole | {"keys": keys, "rows": rows}).items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "quality.npy", qualities(documents, len(whole["lengths"])))
    return len(whole["lengths"])


def sorted_keys(sketches: dict[str, npt.NDArray[Any]], of: Layout) -> tuple[npt.NDArray[np.uint64], Any]:
    """All keys of a file in rising order, and the row of each: the last band is that of the digests.

    A text without words has a digest only.
    """
    worded = np.flatnonzero(sketches["words"] > 0).astype(np.uint32)
    bands = [*band_keys(sketches["signatures"][worded], of)]
    orders = [np.argsort(band, kind="stable") for band in bands]
    digests = digest_keys(sketches["digests"], of)
    last = np.argsort(digests, kind="stable")
    keys = [band[order] for band, order in zip(bands, orders, strict=True)]
    rows = [worded[order] for order in orders]
    return np.concatenate([*keys, digests[last]]), np.concatenate([*rows, last.astype(np.uint32)])
