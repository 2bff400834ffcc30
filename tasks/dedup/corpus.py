"""The documents of all snapshots as arrays, read from the Parquet shards and the sketches made of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.dedup.bands import Layout, Runs, band_keys, joined, runs
from tasks.dedup.cluster import ShingleSets
from tasks.dedup.minhash import U32, U64, buffers, shingle_set, sketch
from tasks.dedup.words import character_table
from tasks.failure import StageFailure

Rows = npt.NDArray[np.int64]


class Shard(NamedTuple):
    """A file of documents, the number of its snapshot, and the folder of its sketches."""

    documents: Path
    snapshot: int
    sketches: Path


def column(path: Path, name: str) -> pa.ChunkedArray:
    """A text column of a document file, as strings that lie in one buffer a chunk."""
    try:
        schema = pq.read_schema(path)
        if name not in schema.names:
            raise StageFailure(f"{path} has no column {name!r}", "Give the artifact of a clean or crawl stage")
        found = pq.read_table(path, columns=[name]).column(name)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(
            f"{path} cannot be read as Parquet ({error})", "Build its artifact again with --force"
        ) from error
    return found if found.type in (pa.string(), pa.large_string()) else found.cast(pa.large_string())


def write_sketches(folder: Path, texts: pa.ChunkedArray, of: Layout, num_perm: int, size: int, seed: int) -> None:
    """Save what deciding needs of one shard's texts, each array in a file that can be mapped into memory."""
    made = sketch(texts, num_perm, size, seed)
    lengths = pc.fill_null(pc.utf8_length(texts), 0).to_numpy()
    folder.mkdir(parents=True)
    for name, array in {
        "signatures": made.signatures,
        "digests": made.digests,
        "words": made.num_words,
        "keys": band_keys(made.signatures, of),
        "lengths": lengths,
    }.items():
        np.save(folder / f"{name}.npy", array)


def write_sets(folder: Path, texts: pa.ChunkedArray, chosen: Rows, size: int) -> None:
    """Save the shingle sets of the chosen rows, in that order, and their sizes."""
    found: list[U32] = []
    begin = 0
    for data, offsets in buffers(texts):
        rows = chosen[(chosen >= begin) & (chosen < begin + len(offsets) - 1)] - begin
        found += [shingle_set(data, offsets[row], offsets[row + 1], character_table(), size) for row in rows]
        begin += len(offsets) - 1
    folder.mkdir(parents=True)
    np.save(folder / "values.npy", np.concatenate([np.zeros(0, np.uint32), *found]))
    np.save(folder / "sizes.npy", np.array([len(values) for values in found], np.int64))


class Corpus:
    """Rows of all shards under one number, in the order of the shards."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self.lengths = self.every("lengths")
        self.words = self.every("words")
        self.size = len(self.lengths)
        self.begins = np.cumsum([0, *(len(self.load(shard, "lengths")) for shard in shards)])

    def load(self, shard: Shard, name: str) -> npt.NDArray[np.generic]:
        """One array of one shard, mapped."""
        array: npt.NDArray[np.generic] = np.load(shard.sketches / f"{name}.npy", mmap_mode="r")
        return array

    def every(self, name: str) -> npt.NDArray[np.int64]:
        """One array of all shards."""
        return np.concatenate([np.asarray(self.load(shard, name)) for shard in self.shards])

    def ids(self) -> pa.ChunkedArray:
        """The id of every row."""
        parts = [column(shard.documents, "id").cast(pa.large_string()) for shard in self.shards]
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.large_string())

    def ranked(self) -> Rows:
        """All rows, those first that stay: earlier snapshot, then longer, then smaller id."""
        snapshots = np.repeat([shard.snapshot for shard in self.shards], np.diff(self.begins))
        table = pa.table(
            {
                "snapshot": snapshots,
                "shorter": -self.lengths,
                "id": self.ids(),
                "row": np.arange(len(self.lengths)),
            }
        )
        order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names])
        rows: Rows = order.to_numpy().astype(np.int64)
        return rows

    def digests(self) -> U64:
        """128 bits of every row's words, (rows, 2)."""
        return self.every("digests").view(np.uint64)

    def keys(self, band: int) -> U64:
        """Every row's key in one band."""
        return np.concatenate([self.load(shard, "keys")[band] for shard in self.shards]).view(np.uint64)

    def groups(self, rows: Rows, bands: int) -> Runs:
        """The groups of positions in `rows` that share a key, with one band's keys in memory at a time."""
        return joined([runs(self.keys(band)[rows]) for band in range(bands)])

    def signatures(self, rows: Rows) -> U32:
        """The signatures of some rows, (rows, num_perm)."""
        found = np.empty((len(rows), self.load(self.shards[0], "signatures").shape[1]), np.uint32)
        for shard, begin, end in zip(self.shards, self.begins, self.begins[1:], strict=False):
            here = np.flatnonzero((rows >= begin) & (rows < end))
            found[here] = self.load(shard, "signatures")[rows[here] - begin]
        return found


def gathered(folders: Sequence[Path], places: Sequence[Rows], out: Path) -> ShingleSets:
    """One array, mapped from the file `out`, of the sets in several folders; `places` says where each folder's go."""
    sizes = np.zeros(sum(len(place) for place in places), np.int64)
    for folder, place in zip(folders, places, strict=True):
        sizes[place] = np.load(folder / "sizes.npy")
    starts = np.r_[0, np.cumsum(sizes)]
    values = np.lib.format.open_memmap(out, "w+", np.uint32, (max(int(starts[-1]), 1),))
    for folder, place in zip(folders, places, strict=True):
        parts, begin = np.load(folder / "values.npy", mmap_mode="r"), 0
        for position in place:
            values[starts[position] : starts[position + 1]] = parts[begin : begin + sizes[position]]
            begin += sizes[position]
    return ShingleSets(np.asarray(values), starts)
