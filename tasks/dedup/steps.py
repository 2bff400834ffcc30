"""The steps of deduplication over a draft: sketch every new file, then decide which documents are kept.

A sketch of a document is its MinHash signature, its digest and its band keys. A row is a row of the `DocumentTable`, so
a document. `ranks` is the order of preference (`DocumentTable.compute_ranks`): of duplicates the first in rank is kept.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.dedup.array_types import Rows, Similarities
from tasks.dedup.document_shard import DocumentShard
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.bands import BandLayout, group_equal_keys
from tasks.dedup.minhash.index_format import describe_scheme, require_same_scheme
from tasks.dedup.minhash.signatures import sketch_texts
from tasks.dedup.minhash.sketches import write_sketches
from tasks.dedup.near_duplicates.find import find_near_duplicates
from tasks.dedup.near_duplicates.greedy import find_first_equal
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tasks.runtime.array_types import Flags
from tasks.store import Artifact, Draft

SKETCHES = ".scratch/sketches"  # in the draft, not in the artifact


class DedupDecision(NamedTuple):
    """The decision about each of N documents; those of previous results are kept as they are."""

    kept_row: Rows  # the document that is kept in its place: itself when it is kept
    similarity: Similarities  # to the document that is kept
    cluster: Rows  # the document that names its cluster: the first in rank
    first_copy: Rows  # the first document in rank with the same words

    @property
    def is_kept(self) -> Flags:
        """True for the documents that are kept."""
        kept: Flags = self.kept_row == np.arange(len(self.kept_row))
        return kept


def require_comparable_inputs(inputs: tuple[Artifact, ...], settings: Dedup) -> None:
    """Raise StageFailure when a previous result was made with settings that give other band keys."""
    scheme = describe_scheme(settings)
    for artifact in inputs:
        if artifact.stage == "dedup":
            require_same_scheme(artifact.folder, scheme)


def list_shards(inputs: tuple[Artifact, ...], draft: Path) -> list[DocumentShard]:
    """List the files of previous results, then the files of the snapshots to decide, in order.

    Raises StageFailure when there is nothing to decide.
    """
    previous = [artifact.folder for artifact in inputs if artifact.stage == "dedup"]
    snapshots = [artifact.folder for artifact in inputs if artifact.stage != "dedup"]
    previous_shards = [
        DocumentShard(path, folder / "signatures" / f"{path.stem}.arrow", snapshot, is_previous=True)
        for snapshot, folder in enumerate(previous)
        for path in sorted((folder / "documents").glob("*.parquet"))
    ]
    new_files = [
        (path, snapshot)
        for snapshot, folder in enumerate(snapshots, len(previous))
        for path in sorted((folder / "documents").glob("*.parquet"))
    ]
    if not new_files:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a clean stage")
    return previous_shards + [
        DocumentShard(path, draft / SKETCHES / f"{index:05d}.arrow", snapshot, is_previous=False)
        for index, (path, snapshot) in enumerate(new_files)
    ]


def sketch_documents(
    draft: Draft, shards: list[DocumentShard], layout: BandLayout, num_perm: int, ngram_size: int, seed: int
) -> DocumentTable:
    """Sketch every new file; return the table of all documents."""
    sketch_texts(pa.array([""]), num_perm, ngram_size, seed)  # compiled once here, not by every worker
    jobs = {
        shard.name: (shard.documents, shard.signatures.name, layout, num_perm, ngram_size, seed)
        for shard in shards
        if not shard.is_previous
    }
    draft.map(sketch_shard, jobs, label="sketch")
    return DocumentTable(shards, layout, num_perm)


def sketch_shard(
    out: Path, documents: Path, name: str, layout: BandLayout, num_perm: int, ngram_size: int, seed: int
) -> dict[str, Any]:
    """Write the signatures, digests and sorted band keys of one file."""
    return {"documents": write_sketches(out / SKETCHES / name, documents, layout, num_perm, ngram_size, seed)}


def find_exact_duplicates(documents: DocumentTable, ranks: Rows) -> DedupDecision:
    """Keep the first in rank of the documents with the same words; previous results stay as they are."""
    keys, rows = documents.load_new_keys(*documents.digest_key_range)
    previous_keys, previous_rows = documents.find_previous_keys(keys, *documents.digest_key_range)
    groups = group_equal_keys(np.concatenate([previous_keys, keys]))
    # a key holds 56 bits of a digest: among the rows that share one, the whole digests decide
    suspects = np.concatenate([previous_rows, rows])[groups.members]
    suspects = suspects[np.argsort(ranks[suspects])]
    first = np.arange(documents.size)
    # digests are read as (N, 16) bytes and compared as (N, 2) words
    first[suspects] = suspects[find_first_equal(documents.read_bytes(suspects, "digest").view(np.uint64))]
    first[: documents.num_previous] = np.arange(documents.num_previous)
    # an exact copy is in the cluster of its first copy
    return DedupDecision(first, np.ones(documents.size, np.float32), first, first)


def add_near_duplicates(
    draft: Draft, documents: DocumentTable, ranks: Rows, first_copy: Rows, threshold: float, ngram_size: int
) -> DedupDecision:
    """Decide near-duplicates among first copies; further exact copies are decided as their first copy is."""
    # only first copies are compared; a text without words has no near-duplicate
    is_first = first_copy == np.arange(documents.size)
    distinct = is_first[documents.num_previous :] & (documents.load_new("words") > 0)
    near = find_near_duplicates(draft, documents, ranks, distinct, threshold, ngram_size)
    # an exact copy of a document that was dropped has the same near-duplicate that is kept
    return DedupDecision(near.kept[first_copy], near.similarity[first_copy], near.cluster[first_copy], first_copy)
