"""One file of documents: its texts batch by batch, some of its rows, and the sketches that were made of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.array_types import Rows
from tasks.errors import StageFailure

BATCH_ROWS = 512  # documents in memory at once


class DocumentShard(NamedTuple):
    """A document file, and the file of ids, digests and signatures of its rows.

    That of a previous result is part of its index; that of a new file is made in the draft, with a folder of the same
    name for what only this run needs.
    """

    documents: Path
    signatures: Path
    snapshot: int
    is_previous: bool

    @property
    def name(self) -> str:
        """The name of a new file's shards in the draft."""
        return self.signatures.stem

    def load_sketch(self, name: str) -> npt.NDArray[Any]:
        """Map one array of a new file's sketches: `keys`, `rows`, `words`, `lengths` or `quality`."""
        return np.asarray(np.load(self.signatures.with_suffix("") / f"{name}.npy", mmap_mode="r"))


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file. Raises StageFailure when it cannot be read as one."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(
            f"{path} cannot be read as Parquet ({error})", "Build its artifact again with --force"
        ) from error


def cast_to_strings(array: pa.Array) -> pa.Array:
    """Return the array as strings that lie in one buffer, as those of dictionaries and views do not."""
    return array if array.type in (pa.string(), pa.large_string()) else array.cast(pa.large_string())


def read_column(path: Path, name: str) -> Iterator[pa.Array]:
    """Yield a text column of a document file, BATCH_ROWS rows at a time.

    Raises StageFailure when the file has no such column.
    """
    with open_parquet(path) as file:
        if name not in file.schema_arrow.names:
            raise StageFailure(f"{path} has no column {name!r}", "Give the artifact of a clean or crawl stage")
        for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
            yield cast_to_strings(batch.column(0))


def read_rows(path: Path, rows: Rows, columns: Sequence[str]) -> Iterator[tuple[Rows, pa.RecordBatch]]:
    """Yield chosen rows (rising) of a Parquet file as positions in `rows` and the columns, up to BATCH_ROWS at a time.

    Row groups without a chosen row are not read.
    """
    with open_parquet(path) as file:
        sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)], np.int64)
        starts = np.r_[0, np.cumsum(sizes)]
        # a row is in the last row group that starts at or before it
        groups, group_of = np.unique(np.searchsorted(starts, rows, "right") - 1, return_inverse=True)
        read_starts = np.r_[0, np.cumsum(sizes[groups])]
        group_rows = rows - starts[groups][group_of] + read_starts[group_of]  # counted among the groups that are read
        start = 0
        for batch in file.iter_batches(
            BATCH_ROWS, row_groups=groups.tolist(), columns=list(columns), use_threads=False
        ):
            # rows rise, so those of one batch are a stretch of them
            first, last = np.searchsorted(group_rows, [start, start + len(batch)])
            if first < last:
                yield np.arange(first, last), batch.take(pa.array(group_rows[first:last] - start))
            start += len(batch)


def write_changed_texts(path: Path, texts: dict[int, str]) -> None:
    """Save the texts of which something was cut out, by row."""
    columns = {"row": pa.array(list(texts), pa.int64()), "text": pa.array(list(texts.values()), pa.large_string())}
    pq.write_table(pa.table(columns), path)


def read_changed_texts(path: Path) -> dict[int, str]:
    """Read the texts that `write_changed_texts` saved, by row; none where that step did not run."""
    if not path.exists():
        return {}
    table = pq.read_table(path)
    return dict(zip(table.column("row").to_pylist(), table.column("text").to_pylist(), strict=True))
