"""Shingle sets, for documents whose signatures cannot tell whether they are near-duplicates."""

import itertools
from pathlib import Path

import numpy as np

from tasks.dedup.array_types import Hashes64, Rows
from tasks.dedup.document_shard import DocumentShard, cast_to_strings, read_rows
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.signatures import compute_shingle_set
from tasks.dedup.minhash.words import build_character_table
from tasks.dedup.near_duplicates.greedy import ShingleSets
from tasks.runtime.text_kernels import text_buffers


def save_shingle_sets(folder: Path, documents: Path, rows: Rows, ngram_size: int) -> None:
    """Save the shingle sets of some rows (rising) of a file: sorted different hashes, and where each row's start."""
    sets: list[Hashes64] = []
    table = build_character_table()
    for _, batch in read_rows(documents, rows, ["text"]):
        data, offsets = text_buffers(cast_to_strings(batch.column(0)))
        bounds = itertools.pairwise(offsets)
        sets += [compute_shingle_set(data, start, end, table, ngram_size) for start, end in bounds]
    folder.mkdir(parents=True)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "starts.npy", np.cumsum([0, *(len(hashes) for hashes in sets)]))
    np.save(folder / "values.npy", np.concatenate([np.zeros(0, np.uint64), *sets]))


def load_shingle_sets(documents: DocumentTable, rows: Rows, folders: dict[DocumentShard, Path]) -> ShingleSets:
    """Load the sets of some rows, in their order, of those that `save_shingle_sets` saved."""
    sizes = np.zeros(len(rows), np.int64)
    files: list[tuple[Hashes64, Rows, Rows, Rows]] = []
    for shard, positions, shard_rows in documents.group_by_shard(rows):
        file_starts = np.load(folders[shard] / "starts.npy")
        saved = np.searchsorted(np.load(folders[shard] / "rows.npy"), shard_rows)
        sizes[positions] = file_starts[saved + 1] - file_starts[saved]
        # as an array: slices of a memmap take far longer
        file_values = np.asarray(np.load(folders[shard] / "values.npy", mmap_mode="r"))
        files.append((file_values, positions, file_starts[saved], sizes[positions]))
    starts = np.r_[0, np.cumsum(sizes)]
    values = np.empty(starts[-1], np.uint64)
    while files:  # popped one by one: mapped pages count as this process's memory until the file is let go
        file_values, positions, set_starts, set_sizes = files.pop()
        for position, start, size in zip(positions.tolist(), set_starts.tolist(), set_sizes.tolist(), strict=True):
            values[starts[position] : starts[position + 1]] = file_values[start : start + size]
    return ShingleSets(values, starts)
