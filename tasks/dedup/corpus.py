"""All documents under one number: those that stay of earlier results first, then the new ones, file after file."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.document_shard import Rows, Shard
from tasks.dedup.minhash.band_index import among, between, fixed, known, written_keys
from tasks.dedup.minhash.bands import HASH_BITS, Layout
from tasks.dedup.minhash.signatures import U8, U64


class Corpus:
    """Where each row is, and what is known of it. Small enough to be sent to a worker."""

    def __init__(self, shards: Sequence[Shard], of: Layout, num_perm: int) -> None:
        """Take earlier shards first; the others' sketches have been written."""
        self.shards, self.of, self.num_perm = shards, of, num_perm
        sizes = [int(known(shard.known).num_rows) for shard in shards]
        self.begins = np.cumsum([0, *sizes])
        self.size = int(self.begins[-1])
        self.num_earlier = sum(size for size, shard in zip(sizes, shards, strict=True) if shard.earlier)

    def new(self, name: str) -> npt.NDArray[Any]:
        """One array of the sketches of all new documents."""
        return np.concatenate([shard.sketched(name) for shard in self.shards if not shard.earlier])

    def placed(self, rows: Rows) -> Iterator[tuple[Shard, Rows, Rows]]:
        """For each file that holds some of the rows: their places in `rows`, and their numbers in it, rising."""
        order = np.argsort(rows, kind="stable")
        cuts = np.searchsorted(rows[order], self.begins)
        for shard, begin, first, last in zip(self.shards, self.begins, cuts, cuts[1:], strict=False):
            if first < last:
                places = order[first:last]
                yield shard, places, rows[places] - begin

    def bytes_of(self, rows: Rows, name: str) -> U8:
        """The `digest` (N, 16) or the `signature` (N, num_perm) of some rows."""
        found = np.empty((len(rows), self.num_perm if name == "signature" else 16), np.uint8)
        for shard, places, inside in self.placed(rows):
            found[places] = fixed(known(shard.known).column(name))[inside]
        return found

    def ids(self, rows: Rows) -> pa.Array:
        """The ids of some rows."""
        parts, order = [pa.array([], pa.large_string())], []
        for shard, places, inside in self.placed(rows):
            parts.append(known(shard.known).column("id").take(pa.array(inside)))
            order.append(places)
        back = np.argsort(np.concatenate([np.zeros(0, np.int64), *order]))
        return pa.concat_arrays(parts).take(pa.array(back))

    def ranks(self) -> Rows:
        """The order in which rows are decided: earlier results, then snapshot, quality, length, smaller id."""
        new = [shard for shard in self.shards if not shard.earlier]
        sizes = np.diff(self.begins)[len(self.shards) - len(new) :]
        ids = [known(shard.known).column("id") for shard in new]
        table = pa.table(
            {
                "snapshot": np.repeat([shard.snapshot for shard in new], sizes),
                "worse": -self.new("quality"),
                "shorter": -self.new("lengths"),
                "id": pa.chunked_array(ids, pa.large_string()),
                "row": np.arange(self.size - self.num_earlier),
            }
        )
        order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names]).to_numpy()
        ranks = np.arange(self.size)
        ranks[self.num_earlier + order] = np.arange(self.num_earlier, self.size)
        return ranks

    def new_keys(self, first: int, last: int) -> tuple[U64, Rows]:
        """The keys from first to last of the new documents, and their rows, sorted."""
        keys, rows = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for shard, begin in zip(self.shards, self.begins, strict=False):
            if not shard.earlier:
                mapped = shard.sketched("keys")
                inside = between(mapped, first, last)
                keys.append(mapped[inside])
                rows.append(shard.sketched("rows")[inside].astype(np.int64) + begin)
        every = np.concatenate(keys)
        order = np.argsort(every, kind="stable")
        return every[order], np.concatenate(rows)[order]

    def earlier_keys(self, wanted: U64, first: int, last: int) -> tuple[U64, Rows]:
        """Those of the wanted keys (sorted) that earlier results hold, and the rows that have them: a merge-join."""
        keys, rows = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        seen = set()
        for shard, begin in zip(self.shards, self.begins, strict=False):
            folder = shard.documents.parents[1]
            if not shard.earlier or folder in seen or not len(wanted):
                continue
            seen.add(folder)
            for written, inside in written_keys(folder, first, last):
                found = among(written, wanted)
                keys.append(written[found])
                rows.append(inside[found].astype(np.int64) + begin)
        return np.concatenate(keys), np.concatenate(rows)

    @property
    def digest_range(self) -> tuple[int, int]:
        """The first and last key of the digests' band."""
        return self.of.bands << HASH_BITS, (self.of.bands + 1 << HASH_BITS) - 1
