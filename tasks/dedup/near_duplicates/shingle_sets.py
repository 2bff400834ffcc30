"""The shingle sets of those documents whose signatures cannot tell whether they are near-copies."""

import itertools
from pathlib import Path

import numpy as np

from tasks.dedup.corpus import Corpus
from tasks.dedup.document_shard import Rows, Shard, as_strings, some_rows
from tasks.dedup.minhash.signatures import U32, shingle_set
from tasks.dedup.minhash.words import character_table
from tasks.dedup.near_duplicates.greedy import ShingleSets
from tasks.runtime.text_kernels import text_buffers


def write_sets(folder: Path, documents: Path, rows: Rows, size: int) -> None:
    """Save the sorted different hashes of the shingles of some rows (rising), and where each row's begin."""
    found: list[U32] = []
    for _, batch in some_rows(documents, rows, ["text"]):
        data, offsets = text_buffers(as_strings(batch.column(0)))
        ends = itertools.pairwise(offsets)
        found += [shingle_set(data, start, end, character_table(), size) for start, end in ends]
    folder.mkdir(parents=True)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "starts.npy", np.cumsum([0, *(len(values) for values in found)]))
    np.save(folder / "values.npy", np.concatenate([np.zeros(0, np.uint32), *found]))


def gathered(corpus: Corpus, rows: Rows, folders: dict[Shard, Path]) -> ShingleSets:
    """The sets of some rows, in their order, from what `write_sets` saved."""
    sizes = np.zeros(len(rows), np.int64)
    parts: list[tuple[U32, Rows, Rows, Rows]] = []
    for shard, places, inside in corpus.placed(rows):
        starts = np.load(folders[shard] / "starts.npy")
        written = np.searchsorted(np.load(folders[shard] / "rows.npy"), inside)
        sizes[places] = starts[written + 1] - starts[written]
        saved = np.asarray(np.load(folders[shard] / "values.npy", mmap_mode="r"))  # slices of a memmap take far longer
        parts.append((saved, places, starts[written], sizes[places]))
    starts = np.r_[0, np.cumsum(sizes)]
    values = np.empty(starts[-1], np.uint32)
    while parts:  # what was read of a file counts as this process's memory until it is let go
        saved, places, begins, lengths = parts.pop()
        for place, begin, length in zip(places.tolist(), begins.tolist(), lengths.tolist(), strict=True):
            values[starts[place] : starts[place + 1]] = saved[begin : begin + length]
    return ShingleSets(values, starts)
