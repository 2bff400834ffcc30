"""Near-duplicates: workers join ranges of the sorted keys to components, which are then decided by signature.

Most components are stars, in which every member is surely similar to the one that ranks first. The others are decided
one document after the other, with the texts of those documents read again.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.dedup.array_types import Rows, SignatureBytes, Similarities
from tasks.dedup.document_shard import DocumentShard
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.bands import compute_band_keys, group_equal_keys, plan_key_ranges
from tasks.dedup.near_duplicates.average_linkage import cluster_documents
from tasks.dedup.near_duplicates.cluster_ids import look_up_cluster_ids
from tasks.dedup.near_duplicates.components import find_edges_within, join_edges, list_components
from tasks.dedup.near_duplicates.greedy import MAX_SMALL_SET, compute_margin, estimate_pairs, select_survivors
from tasks.dedup.near_duplicates.shingle_sets import load_shingle_sets, save_shingle_sets
from tasks.runtime.array_types import Flags
from tasks.store import Draft

EDGES, SHINGLE_SETS = ".scratch/edges", ".scratch/sets"  # in the draft, not in the artifact
BATCH_DOCUMENTS = 1 << 14  # documents decided together: 14,000 sets of 500 shingles are 30 MB


class NearDuplicates(NamedTuple):
    """The decision about each of N rows, filled in as components are decided."""

    kept: Rows  # the row that is kept in its place; its own when it is kept
    similarity: Similarities  # to the row that is kept
    cluster: Rows  # the first row of its cluster; of a previous result's rows, the first that is looked at here

    @classmethod
    def none(cls, size: int) -> "NearDuplicates":
        """Return the decision that every row is kept, in a cluster of its own."""
        return cls(np.arange(size), np.ones(size, np.float32), np.arange(size))


def find_near_duplicates(
    draft: Draft, documents: DocumentTable, ranks: Rows, distinct: Flags, threshold: float, ngram_size: int
) -> NearDuplicates:
    """Decide which of the new documents that are `distinct` (N_new,) repeat one that is kept."""
    decision = NearDuplicates.none(documents.size)
    rows, starts = find_components(draft, documents, distinct, ranks, threshold)
    draft.counts |= {"suspects": len(rows), "read_again": 0}
    if not len(rows):
        return decision
    # A component is a star when each member is surely similar to its leader, the first in rank: no text is read again.
    # Short texts are never sure.
    signatures = documents.read_bytes(rows, "signature")
    leader = np.repeat(starts[:-1], np.diff(starts))
    leader_similarity = estimate_pairs(signatures, leader)
    is_new = rows >= documents.num_previous
    is_large = np.zeros(len(rows), np.bool_)
    is_large[is_new] = documents.load_new("words")[rows[is_new] - documents.num_previous] > MAX_SMALL_SET
    # near a threshold of 1 the sum is above 1: no estimate is sure then, and all components are read again
    is_sure = is_large & (leader_similarity >= threshold + compute_margin(threshold, documents.num_perm))
    # rows of previous results are kept whatever they resemble, so they do not spoil a star
    in_star = np.repeat(np.logical_and.reduceat(is_sure | ~is_new, starts[:-1]), np.diff(starts))
    # the leader itself stays, and so do rows of previous results
    dropped = in_star & is_new & (leader != np.arange(len(rows)))
    decision.kept[rows[dropped]] = decision.cluster[rows[dropped]] = rows[leader[dropped]]
    decision.similarity[rows[dropped]] = leader_similarity[dropped]
    draft.counts["read_again"] = int((~in_star).sum())
    folders = write_shingle_sets(draft, documents, rows[~in_star], ngram_size)
    # rows of previous results have clusters already, which stay apart
    previous = rows[~in_star & ~is_new]
    cluster_ids = look_up_cluster_ids(documents, previous).dictionary_encode().indices.to_numpy()
    decision.cluster[previous] = previous[find_first_occurrences(cluster_ids)]
    for positions in batch_components(np.flatnonzero(~in_star), leader):
        batch, batch_signatures = rows[positions], signatures[positions]
        resolve_components(documents, batch, batch_signatures, ranks, folders, threshold, decision)
    return decision


def find_first_occurrences(labels: Rows) -> Rows:
    """Return for each label the first position that has it."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse]


def find_components(
    draft: Draft, documents: DocumentTable, distinct: Flags, ranks: Rows, threshold: float
) -> tuple[Rows, Rows]:
    """Find the components of documents that may be near-duplicates: their rows, and the position where each starts."""
    np.save(draft.scratch / "distinct.npy", distinct)
    ranges = plan_key_ranges(documents.layout.bands, documents.num_new)
    jobs = {
        f"{index:05d}": (documents, first, last, threshold, draft.scratch, f"{index:05d}")
        for index, (first, last) in enumerate(ranges)
    }
    counts = draft.map(find_edges, jobs, label="join")
    draft.counts["compared"] = sum(range_counts["compared"] for range_counts in counts.values())
    parent = np.arange(documents.size)
    for name in jobs:
        join_edges(parent, np.load(draft.path / EDGES / f"{name}.npy"))
    return list_components(parent, ranks)


def find_edges(
    out: Path, documents: DocumentTable, first: int, last: int, threshold: float, scratch: Path, name: str
) -> dict[str, Any]:
    """Write the edges between documents that share a key from first to last and may be near-duplicates."""
    keys, rows = documents.load_new_keys(first, last)
    distinct = np.load(scratch / "distinct.npy", mmap_mode="r")[rows - documents.num_previous]
    keys, rows = keys[distinct], rows[distinct]
    previous_keys, previous_rows = documents.find_previous_keys(keys, first, last)
    groups = group_equal_keys(np.concatenate([previous_keys, keys]))
    # signatures are read once for each document, though it may be in several groups
    suspects, members = np.unique(np.concatenate([previous_rows, rows])[groups.members], return_inverse=True)
    groups = groups._replace(members=members)
    margin = compute_margin(threshold, documents.num_perm)
    # a pair at the threshold, one of which is this close to a third, is joined through it: distances add up
    close = 1 - margin / 2
    signatures = documents.read_bytes(suspects, "signature")
    edges, num_compared = find_edges_within(suspects, signatures, groups, threshold - margin, close)
    (out / EDGES).mkdir(parents=True)
    np.save(out / EDGES / f"{name}.npy", edges)
    return {"compared": num_compared}


def write_shingle_sets(
    draft: Draft, documents: DocumentTable, rows: Rows, ngram_size: int
) -> dict[DocumentShard, Path]:
    """Write the shingle sets of some rows; returns the folder of each file's sets."""
    folders: dict[DocumentShard, Path] = {}
    jobs = {}
    for shard, _, shard_rows in documents.group_by_shard(rows):
        name = f"{documents.shards.index(shard):05d}"
        folders[shard] = draft.path / SHINGLE_SETS / name
        jobs[name] = (shard.documents, shard_rows, ngram_size, name)
    draft.map(shingle_shard, jobs, label="shingle")
    return folders


def shingle_shard(out: Path, documents: Path, rows: Rows, ngram_size: int, name: str) -> dict[str, Any]:
    """Write the shingle sets of some rows of one file."""
    save_shingle_sets(out / SHINGLE_SETS / name, documents, rows, ngram_size)
    return {"documents": len(rows)}


def batch_components(positions: Rows, leader: Rows) -> list[Rows]:
    """Split the positions into batches of whole components: of some BATCH_DOCUMENTS, or of one larger component."""
    if not len(positions):
        return []
    # a batch ends before the first component that starts behind a multiple of BATCH_DOCUMENTS
    starts = np.flatnonzero(np.r_[True, np.diff(leader[positions]) != 0])
    return np.split(positions, starts[1:][np.diff(starts // BATCH_DOCUMENTS) > 0])


def resolve_components(
    documents: DocumentTable,
    rows: Rows,
    signatures: SignatureBytes,
    ranks: Rows,
    folders: dict[DocumentShard, Path],
    threshold: float,
    decision: NearDuplicates,
) -> None:
    """Decide some whole components in order of rank, and fill in the decision about their rows."""
    # from here on a document is its position in order of rank
    order = np.argsort(ranks[rows])
    rows, signatures = rows[order], signatures[order]
    groups = group_equal_keys(compute_band_keys(signatures, documents.layout).ravel())
    # keys (bands, N) were ravelled: position modulo N is the document
    groups = groups._replace(members=groups.members % len(rows))
    # rows of previous results rank before all new ones
    num_fixed = int((rows < documents.num_previous).sum())
    sets = load_shingle_sets(documents, rows, folders)
    survivors = select_survivors(signatures, sets, groups, threshold, num_fixed)
    decision.kept[rows], decision.similarity[rows] = rows[survivors.kept], survivors.similarity
    previous_clusters = find_first_occurrences(decision.cluster[rows[:num_fixed]])
    clusters = cluster_documents(signatures, sets, groups, threshold, survivors.kept, previous_clusters)
    decision.cluster[rows] = rows[clusters]
