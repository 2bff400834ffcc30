"""The index of an artifact's kept documents: sorted band keys, and ids, digests and signatures in order of the rows.

A later snapshot merges its own sorted keys with these, looks up the rows with equal keys in mapped files, and reads no
text but that of documents whose signatures cannot tell whether they are near-duplicates.
A row is numbered through the artifact's files in order of their names; a number takes 4 bytes where an id takes 32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tasks.dedup.array_types import Digests, Hashes32, Keys, Rows, SignatureBytes
from tasks.dedup.document_shard import open_parquet
from tasks.errors import StageFailure
from tasks.runtime.array_types import Bytes, Flags
from tasks.runtime.jit import jit

ROW_GROUP_KEYS = 1 << 17  # what a look-up reads at least
# The gaps between sorted keys need fewer bits than the keys. Row numbers are as good as random, so they are left plain.
KEY_ENCODING = {"key": "DELTA_BINARY_PACKED", "row": "PLAIN"}


def write_keys(path: Path, keys: Keys, rows: Rows, metadata: dict[str, str]) -> None:
    """Write sorted keys and the rows that have them as a Parquet file."""
    schema = pa.schema({"key": pa.uint64(), "row": pa.uint32()}, metadata=metadata)
    # 32 bits number up to 4 billion kept documents of one artifact
    table = pa.table([keys, rows.astype(np.uint32)], schema=schema)
    options = {"use_dictionary": False, "column_encoding": KEY_ENCODING, "compression": "none"}
    pq.write_table(table, path, row_group_size=ROW_GROUP_KEYS, **options)


def find_key_slice(keys: Keys, first: int, last: int) -> slice:
    """Return the slice of the sorted keys that lie from first to last."""
    start = np.searchsorted(keys, np.uint64(first), "left")
    return slice(int(start), int(np.searchsorted(keys, np.uint64(last), "right")))


@jit
def fill_membership(keys: Keys, wanted: Keys, start: int, is_member: Flags) -> None:
    """Fill `is_member` for sorted keys: True where the key is in the sorted `wanted`, from `start` on.

    All wanted keys before `start` are smaller than the first key.
    Each array is passed through once: looking up each key by bisection takes three times as long, even with ten times
    as many keys as wanted ones.
    """
    for index in range(keys.size):
        while start < wanted.size and wanted[start] < keys[index]:
            start += 1
        is_member[index] = start < wanted.size and wanted[start] == keys[index]


def is_in_sorted(keys: Keys, wanted: Keys) -> Flags:
    """Tell for each of the sorted keys (N,) whether it is among the sorted wanted ones."""
    # bisection finds only where the walk through `wanted` begins
    is_member = np.zeros(len(keys), np.bool_)
    fill_membership(keys, wanted, int(np.searchsorted(wanted, keys[0])) if len(keys) else 0, is_member)
    return is_member


def read_keys(folder: Path, first: int, last: int, name: str = "bands") -> Iterator[tuple[Keys, Hashes32]]:
    """Yield the keys from first to last of an artifact and their rows, one row group at a time; others are not read."""
    for path in sorted((folder / name).glob("*.parquet")):
        with open_parquet(path) as file:
            for group in range(file.num_row_groups):
                # files and row groups are sorted by key, so their bounds tell which to read
                bounds = file.metadata.row_group(group).column(0).statistics  # an empty group has none
                if bounds is None or bounds.max < first or bounds.min > last:
                    continue
                table = file.read_row_group(group, use_threads=False)
                keys, rows = table.column("key").to_numpy(), table.column("row").to_numpy()
                chosen = find_key_slice(keys, first, last)
                yield keys[chosen], rows[chosen]


def make_signature_batch(ids: pa.Array, digests: Digests, signatures: SignatureBytes) -> pa.RecordBatch:
    """Make the batch that is kept of documents, in order of the rows: ids, digests (N, 2), signatures (N, num_perm)."""
    columns: tuple[Digests | SignatureBytes, ...] = (digests, signatures)
    # Arrow takes the memory of the arrays as it is, so they must be contiguous; None: no value is null
    arrays = [
        pa.Array.from_buffers(pa.binary(array.itemsize * array.shape[1]), len(array), [None, pa.py_buffer(array)])
        for array in columns
    ]
    return pa.record_batch([ids, *arrays], names=["id", "digest", "signature"])


def write_signatures(path: Path, batch: pa.RecordBatch) -> None:
    """Save the batch of `make_signature_batch` as an Arrow file, the arrays of which can be mapped."""
    with pa.ipc.new_file(path, batch.schema) as writer:
        writer.write_batch(batch)


def read_signatures(path: Path) -> pa.RecordBatch:
    """Map the batch that `write_signatures` saved: only what is looked up is read from disk.

    Raises StageFailure when the file is torn or another kind of file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(f"{path} cannot be read ({error})", "Build its artifact again with --force") from error


def as_byte_matrix(array: Any) -> Bytes:
    """View an Arrow array of values of one length as their bytes, (N, length)."""
    width = array.type.byte_width
    # a slice of an Arrow array shares the whole buffer and has an offset in it
    values: Bytes = np.frombuffer(array.buffers()[1], np.uint8).reshape(-1, width)
    return values[array.offset : array.offset + len(array)]
