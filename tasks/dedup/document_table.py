"""All documents in one numbering: those of previous results first, then the new ones, file after file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.array_types import Keys, Rows
from tasks.dedup.document_shard import DocumentShard
from tasks.dedup.minhash.band_index import as_byte_matrix, find_key_slice, is_in_sorted, read_keys, read_signatures
from tasks.dedup.minhash.bands import HASH_BITS, BandLayout
from tasks.runtime.array_types import Bytes


class DocumentTable:
    """All documents, by row: finds the file, id, signature and keys of each. Small enough to be sent to a worker."""

    def __init__(self, shards: Sequence[DocumentShard], layout: BandLayout, num_perm: int) -> None:
        """Take the shards of previous results first; the sketches of the others have been written."""
        self.shards, self.layout, self.num_perm = shards, layout, num_perm
        sizes = [int(read_signatures(shard.signatures).num_rows) for shard in shards]
        self.starts = np.cumsum([0, *sizes])
        self.size = int(self.starts[-1])
        self.num_previous = sum(size for size, shard in zip(sizes, shards, strict=True) if shard.is_previous)

    @property
    def num_new(self) -> int:
        """Documents that this run decides."""
        return self.size - self.num_previous

    @property
    def new_shards(self) -> list[tuple[DocumentShard, int]]:
        """The new files, each with the number of its first row, counted among the new ones."""
        return [
            (shard, int(start) - self.num_previous)
            for shard, start in zip(self.shards, self.starts, strict=False)
            if not shard.is_previous
        ]

    @property
    def previous_folders(self) -> tuple[Path, ...]:
        """The folders of the previous results, oldest first."""
        return tuple(dict.fromkeys(shard.documents.parents[1] for shard in self.shards if shard.is_previous))

    @property
    def digest_key_range(self) -> tuple[int, int]:
        """The first and last key of the digests' band."""
        # Python integers: behind 255 bands the last key is 2^64 - 1, and one more would not fit uint64
        return self.layout.bands << HASH_BITS, (self.layout.bands + 1 << HASH_BITS) - 1

    def load_new(self, name: str) -> npt.NDArray[Any]:
        """Load one array of the sketches of all new documents."""
        return np.concatenate([shard.load_sketch(name) for shard, _ in self.new_shards])

    def group_by_shard(self, rows: Rows) -> Iterator[tuple[DocumentShard, Rows, Rows]]:
        """Yield each file that holds some of the rows: their positions in `rows`, and their rows in it, rising."""
        order = np.argsort(rows, kind="stable")
        splits = np.searchsorted(rows[order], self.starts)
        for shard, start, first, last in zip(self.shards, self.starts, splits, splits[1:], strict=False):
            if first < last:
                positions = order[first:last]
                yield shard, positions, rows[positions] - start

    def read_bytes(self, rows: Rows, name: str) -> Bytes:
        """Read the `digest` (N, 16) or the `signature` (N, num_perm) of some rows."""
        values = np.empty((len(rows), self.num_perm if name == "signature" else 16), np.uint8)
        for shard, positions, shard_rows in self.group_by_shard(rows):
            values[positions] = as_byte_matrix(read_signatures(shard.signatures).column(name))[shard_rows]
        return values

    def read_ids(self, rows: Rows) -> pa.Array:
        """Read the ids of some rows, in the order of `rows`."""
        ids, order = [pa.array([], pa.large_string())], [np.zeros(0, np.int64)]
        for shard, positions, shard_rows in self.group_by_shard(rows):
            ids.append(read_signatures(shard.signatures).column("id").take(pa.array(shard_rows)))
            order.append(positions)
        # argsort of a permutation is its inverse: it puts the ids back into the order of `rows`
        return pa.concat_arrays(ids).take(pa.array(np.argsort(np.concatenate(order))))

    def compute_ranks(self) -> Rows:
        """Return the order in which rows are decided: previous results, then snapshot, quality, length, smaller id.

        The id is the last criterion, so that the number and order of files decide nothing.
        """
        # the new shards stand behind all previous ones
        sizes = np.diff(self.starts)[len(self.shards) - len(self.new_shards) :]
        ids = [read_signatures(shard.signatures).column("id") for shard, _ in self.new_shards]
        table = pa.table(
            {
                "snapshot": np.repeat([shard.snapshot for shard, _ in self.new_shards], sizes),
                "worse": -self.load_new("quality"),
                "shorter": -self.load_new("lengths"),
                "id": pa.chunked_array(ids, pa.large_string()),
                "row": np.arange(self.num_new),
            }
        )
        order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names]).to_numpy()
        # previous rows keep their own numbers as ranks, which are below all others
        ranks = np.arange(self.size)
        ranks[self.num_previous + order] = np.arange(self.num_previous, self.size)
        return ranks

    def load_new_keys(self, first: int, last: int) -> tuple[Keys, Rows]:
        """Load the keys from first to last of the new documents, sorted, and the row of each."""
        key_parts, row_parts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for shard, start in self.new_shards:
            shard_keys = shard.load_sketch("keys")
            chosen = find_key_slice(shard_keys, first, last)
            key_parts.append(shard_keys[chosen])
            row_parts.append(shard.load_sketch("rows")[chosen].astype(np.int64) + start + self.num_previous)
        keys = np.concatenate(key_parts)
        order = np.argsort(keys, kind="stable")
        return keys[order], np.concatenate(row_parts)[order]

    def find_previous_keys(self, wanted: Keys, first: int, last: int) -> tuple[Keys, Rows]:
        """Find those of the wanted keys (sorted) that previous results have, and the rows that have them.

        A merge-join of both sorted lists; no text is read.
        """
        keys, rows = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        seen = set()
        for shard, start in zip(self.shards, self.starts, strict=False):
            folder = shard.documents.parents[1]
            # an artifact has one index for all of its files, whose rows are counted from its first file on
            if not shard.is_previous or folder in seen or not len(wanted):
                continue
            seen.add(folder)
            for index_keys, index_rows in read_keys(folder, first, last):
                is_wanted = is_in_sorted(index_keys, wanted)
                keys.append(index_keys[is_wanted])
                rows.append(index_rows[is_wanted].astype(np.int64) + start)
        return np.concatenate(keys), np.concatenate(rows)
