"""The index of what stays, beside the documents: sorted band keys, and digests and signatures in order of the rows.

A later snapshot merges its own sorted keys with these and reads no text but that of documents that may be near copies.
A row is numbered through the artifact's files in order of their names; a number takes 4 bytes where an id takes 32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.minhash import U8, U64
from tasks.dedup.shard import Rows, opened, some_rows

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


def written_keys(folder: Path, first: int, last: int, name: str = "bands") -> Iterator[tuple[U64, Rows]]:
    """The keys from first to last of an artifact and their rows, a row group at a time; no other group is read."""
    for path in sorted((folder / name).glob("*.parquet")):
        with opened(path) as file:
            for group in range(file.num_row_groups):
                bounds = file.metadata.row_group(group).column(0).statistics  # an empty group has none
                if bounds is None or bounds.max < first or bounds.min > last:
                    continue
                table = file.read_row_group(group, use_threads=False)
                keys, rows = table.column("key").to_numpy(), table.column("row").to_numpy().astype(np.int64)
                inside = between(keys, first, last)
                yield keys[inside], rows[inside]


def known_schema(num_perm: int, metadata: dict[str, str]) -> pa.Schema:
    """What is kept of every document that stays, in order of the rows."""
    return pa.schema({"digest": pa.binary(16), "signature": pa.binary(num_perm)}, metadata=metadata)


def known_table(digests: U64, signatures: U8, schema: pa.Schema) -> pa.Table:
    """The columns of `known_schema` of digests (N, 2) and signatures (N, num_perm)."""
    columns: tuple[U64 | U8, ...] = (digests, signatures)
    arrays = [
        pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(np.ascontiguousarray(array))])
        for kind, array in zip(schema.types, columns, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def fixed(array: Any) -> U8:
    """The bytes of an Arrow array of equally long values, (N, bytes)."""
    width = array.type.byte_width
    values: U8 = np.frombuffer(array.buffers()[1], np.uint8).reshape(-1, width)
    return values[array.offset : array.offset + len(array)]


def known_rows(path: Path, rows: Rows, column: str, width: int) -> U8:
    """Digests or signatures of some rows (rising) of an index file, (N, bytes)."""
    found = np.empty((len(rows), width), np.uint8)
    for places, table in some_rows(path, rows, [column]):
        found[places] = fixed(table.column(column))
    return found
