"""The index of what stays, beside the documents: sorted band keys; ids, digests and signatures in order of the rows.

A later snapshot merges its own sorted keys with these, looks up the rows that they hit in mapped files, and reads no
text but that of documents that may be near copies.
A row is numbered through the artifact's files in order of their names; a number takes 4 bytes where an id takes 32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tasks.dedup.document_shard import Rows, opened
from tasks.dedup.minhash.signatures import U8, U32, U64
from tasks.errors import StageFailure
from tasks.runtime.jit import jit

KEYS_A_GROUP = 1 << 17  # keys in a row group: what a look-up reads at least
# the gaps of sorted keys need fewer bits than the keys; their hashes and the row numbers cannot be compressed
KEY_ENCODING = {"key": "DELTA_BINARY_PACKED", "row": "PLAIN"}


def write_keys(path: Path, keys: U64, rows: Rows, metadata: dict[str, str]) -> None:
    """Sorted keys and the rows that have them."""
    schema = pa.schema({"key": pa.uint64(), "row": pa.uint32()}, metadata=metadata)
    table = pa.table([keys, rows.astype(np.uint32)], schema=schema)
    options = {"use_dictionary": False, "column_encoding": KEY_ENCODING, "compression": "none"}
    pq.write_table(table, path, row_group_size=KEYS_A_GROUP, **options)


def between(keys: U64, first: int, last: int) -> slice:
    """Where the keys from first to last stand among sorted ones."""
    left = np.searchsorted(keys, np.uint64(first), "left")
    return slice(int(left), int(np.searchsorted(keys, np.uint64(last), "right")))


@jit
def merge(keys: Any, wanted: Any, start: Any, found: Any) -> None:
    """Fill `found`: which of the sorted keys are among the sorted wanted ones; those before `start` come before all.

    Each array is gone through once: with a tenth as many wanted ones, looking each up takes three times as long.
    """
    for at in range(keys.size):
        while start < wanted.size and wanted[start] < keys[at]:
            start += 1
        found[at] = start < wanted.size and wanted[start] == keys[at]


def among(keys: U64, wanted: U64) -> npt.NDArray[np.bool_]:
    """Which of some sorted keys (N,) are among other sorted ones: a merge-join."""
    found = np.zeros(len(keys), np.bool_)
    merge(keys, wanted, int(np.searchsorted(wanted, keys[0])) if len(keys) else 0, found)
    return found


def written_keys(folder: Path, first: int, last: int, name: str = "bands") -> Iterator[tuple[U64, U32]]:
    """The keys from first to last of an artifact and their rows, a row group at a time; no other group is read."""
    for path in sorted((folder / name).glob("*.parquet")):
        with opened(path) as file:
            for group in range(file.num_row_groups):
                bounds = file.metadata.row_group(group).column(0).statistics  # an empty group has none
                if bounds is None or bounds.max < first or bounds.min > last:
                    continue
                table = file.read_row_group(group, use_threads=False)
                keys, rows = table.column("key").to_numpy(), table.column("row").to_numpy()
                inside = between(keys, first, last)
                yield keys[inside], rows[inside]


def known_batch(ids: pa.Array, digests: U64, signatures: U8) -> pa.RecordBatch:
    """What is kept of documents, in order of the rows: ids, digests (N, 2) and signatures (N, num_perm)."""
    columns: tuple[U64 | U8, ...] = (digests, signatures)
    arrays = [
        pa.Array.from_buffers(pa.binary(array.itemsize * array.shape[1]), len(array), [None, pa.py_buffer(array)])
        for array in columns
    ]
    return pa.record_batch([ids, *arrays], names=["id", "digest", "signature"])


def write_known(path: Path, batch: pa.RecordBatch) -> None:
    """Save what is known of a file's documents, as an Arrow file: its arrays can be mapped."""
    with pa.ipc.new_file(path, batch.schema) as writer:
        writer.write_batch(batch)


def known(path: Path) -> pa.RecordBatch:
    """What `write_known` saved, mapped: only what is looked up is read. Raises StageFailure when it is no such file."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(f"{path} cannot be read ({error})", "Build its artifact again with --force") from error


def fixed(array: Any) -> U8:
    """The bytes of an Arrow array of equally long values, (N, bytes)."""
    width = array.type.byte_width
    values: U8 = np.frombuffer(array.buffers()[1], np.uint8).reshape(-1, width)
    return values[array.offset : array.offset + len(array)]
