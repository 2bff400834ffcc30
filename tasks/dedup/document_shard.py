"""A file of documents as dedup sees it: its texts batch by batch, some of its rows, what was sketched of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StageFailure

Rows = npt.NDArray[np.int64]
BATCH = 512  # documents in memory at once


class Shard(NamedTuple):
    """A document file and what is known of its rows: the index of an earlier result, or sketches of its own."""

    documents: Path
    known: Path
    snapshot: int
    earlier: bool

    @property
    def name(self) -> str:
        """What a new file's shards are called in the draft."""
        return self.known.stem

    def sketched(self, name: str) -> npt.NDArray[Any]:
        """An array of a new file's sketches, mapped."""
        return np.asarray(np.load(self.known.with_suffix("") / f"{name}.npy", mmap_mode="r"))


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
        sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)], np.int64)
        begins = np.r_[0, np.cumsum(sizes)]
        groups, of = np.unique(np.searchsorted(begins, rows, "right") - 1, return_inverse=True)
        read = np.r_[0, np.cumsum(sizes[groups])]
        places = rows - begins[groups][of] + read[of]  # among the rows of the groups that are read
        begin = 0
        for batch in file.iter_batches(BATCH, row_groups=groups.tolist(), columns=list(columns), use_threads=False):
            first, last = np.searchsorted(places, [begin, begin + len(batch)])
            if first < last:
                yield np.arange(first, last), batch.take(pa.array(places[first:last] - begin))
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
