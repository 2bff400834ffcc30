"""The files that the dedup stage writes: kept documents, clusters, the index for the next snapshot, the counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.dedup.decontamination.decontaminate import EXCISED
from tasks.dedup.document_shard import BATCH_ROWS, open_parquet, read_changed_texts
from tasks.dedup.document_table import DocumentTable
from tasks.dedup.minhash.band_index import read_signatures, write_keys, write_signatures
from tasks.dedup.minhash.bands import BandLayout, collision_probability, plan_key_ranges
from tasks.dedup.near_duplicates.cluster_ids import CLUSTERS_FILE, LEADER, look_up_cluster_ids
from tasks.dedup.repeated_passages import REDUCED
from tasks.dedup.steps import DedupDecision
from tasks.runtime.array_types import Flags
from tasks.runtime.markdown import render_markdown_table
from tasks.store import Draft

# A later snapshot reads whole row groups: those that hold a possible duplicate of a new document.
ROW_GROUP_DOCUMENTS = 256
LABELS = {
    "documents": "came in",
    "exact": "dropped: exact duplicates",
    "near": "dropped: near-duplicates",
    "emptied": "dropped: nothing but repeated passages",
    "contamination_dropped": "dropped: evaluation texts",
    "contamination_cut": "kept without evaluation texts",
    "repeated_parts": "repeated passages removed",
    "kept": "kept",
    "clusters": "clusters",
    "largest_cluster": "in the largest cluster",
}


def write_documents(draft: Draft, documents: DocumentTable, kept: Flags, metadata: dict[str, str]) -> None:
    """Write the kept rows file by file: all their columns, and beside them what the index needs of them."""
    np.save(draft.scratch / "kept.npy", kept[documents.num_previous :])
    jobs = {
        shard.name: (shard.documents, shard.signatures, start, draft.path, metadata, shard.name)
        for shard, start in documents.new_shards
    }
    draft.map(write_kept_documents, jobs, label="write")


def write_kept_documents(
    out: Path, documents: Path, signatures: Path, start: int, draft: Path, metadata: dict[str, str], name: str
) -> dict[str, Any]:
    """Write the kept rows of one file, the first row of which is number `start` among the new ones."""
    batch_signatures = read_signatures(signatures)
    kept = np.load(draft / ".scratch" / "kept.npy", mmap_mode="r")[start : start + batch_signatures.num_rows]
    # decontamination comes last and has seen the texts without repeated passages, so its texts replace those
    changed = read_changed_texts(draft / REDUCED / f"{name}.parquet")
    changed |= read_changed_texts(draft / EXCISED / f"{name}.parquet")
    (out / "documents").mkdir()
    with open_parquet(documents) as file:
        schema = file.schema_arrow
        # so few values at a time are not worth a dictionary: zstd finds what repeats, and texts do not
        options: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
        with pq.ParquetWriter(out / "documents" / f"{name}.parquet", schema, **options) as writer:
            row = 0
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                texts = {index - row: text for index, text in changed.items() if row <= index < row + len(batch)}
                kept_batch = replace_texts(batch, texts).filter(pa.array(kept[row : row + len(batch)]))
                writer.write_batch(kept_batch, row_group_size=ROW_GROUP_DOCUMENTS)
                row += len(batch)
    (out / "signatures").mkdir()
    kept_signatures = batch_signatures.filter(pa.array(kept)).replace_schema_metadata(metadata)
    write_signatures(out / "signatures" / f"{name}.arrow", kept_signatures)
    return {"kept": int(kept.sum())}


def replace_texts(batch: pa.RecordBatch, changed: dict[int, str]) -> pa.RecordBatch:
    """Return the batch with other texts in some rows."""
    if not changed:
        return batch
    column = batch.schema.get_field_index("text")
    texts = [changed.get(row, text) for row, text in enumerate(batch.column(column).to_pylist())]
    return batch.set_column(column, batch.schema.field(column), pa.array(texts, batch.schema.types[column]))


def write_band_index(draft: Draft, documents: DocumentTable, kept: Flags, metadata: dict[str, str]) -> None:
    """Write the sorted keys of the kept rows: the index in which a later snapshot looks for duplicates."""
    new = kept[documents.num_previous :]
    # for each new row its number among the kept ones, by which the index names it; -1 where it is dropped
    np.save(draft.scratch / "index_rows.npy", np.where(new, np.cumsum(new) - 1, -1))
    ranges = plan_key_ranges(documents.layout.bands + 1, int(new.sum()))
    jobs = {
        f"{index:05d}": (documents, first, last, draft.scratch, metadata, f"{index:05d}")
        for index, (first, last) in enumerate(ranges)
    }
    draft.map(write_key_range, jobs, label="index")


def write_key_range(
    out: Path, documents: DocumentTable, first: int, last: int, scratch: Path, metadata: dict[str, str], name: str
) -> dict[str, Any]:
    """Write the sorted keys from first to last of the kept rows; rows are counted among the kept ones."""
    keys, rows = documents.load_new_keys(first, last)
    index_rows = np.load(scratch / "index_rows.npy", mmap_mode="r")[rows - documents.num_previous]
    kept = index_rows >= 0
    (out / "bands").mkdir()
    write_keys(out / "bands" / f"{name}.parquet", keys[kept], index_rows[kept], metadata)
    return {"keys": int(kept.sum())}


def write_clusters(draft: Draft, documents: DocumentTable, decision: DedupDecision, kept: Flags) -> None:
    """Write every new document of a cluster, in order of the input, with the document that is kept for it.

    `kept_id` is null where the document that was kept for it was dropped afterwards, for what its text held.
    """
    sizes = np.bincount(decision.cluster, minlength=documents.size)
    is_new = np.arange(documents.size) >= documents.num_previous
    rows = np.flatnonzero((sizes[decision.cluster] > 1) & is_new)
    kept_row = decision.kept_row[rows]
    kind = np.where(kept_row == rows, LEADER, np.where(decision.first_copy[rows] == kept_row, "exact", "near"))
    columns = {
        "id": documents.read_ids(rows),
        "kept_id": pc.if_else(pa.array(kept[kept_row]), documents.read_ids(kept_row), None),
        "cluster_id": look_up_cluster_ids(documents, decision.cluster[rows]),
        "similarity": pa.array(decision.similarity[rows], pa.float32()),
        "kind": pa.array(kind.tolist(), pa.string()),
    }
    with draft.write(CLUSTERS_FILE) as path:
        pq.write_table(pa.table(columns), path, compression="zstd")


def count_documents(documents: DocumentTable, decision: DedupDecision, kept: Flags) -> dict[str, Any]:
    """Count documents by what was decided about them, for the manifest."""
    dropped = ~decision.is_kept
    exact = int((dropped & (decision.first_copy == decision.kept_row)).sum())
    cluster_sizes = np.bincount(decision.cluster)
    return {
        "documents": documents.num_new,
        "earlier": documents.num_previous,
        "exact": exact,
        "near": int(dropped.sum()) - exact,
        "kept": int(kept[documents.num_previous :].sum()),
        "clusters": int((cluster_sizes > 1).sum()),
        "largest_cluster": int(cluster_sizes.max()),
    }


def format_summary(counts: dict[str, Any], layout: BandLayout, threshold: float | None) -> str:
    """Render the counts as a table, and the probability that a pair is found; no threshold: no near-duplicates."""
    counts = counts | {f"contamination_{key}": count for key, count in counts.get("contamination", {}).items()}
    rows = [(label, counts[key]) for key, label in LABELS.items() if key in counts]
    table = render_markdown_table(("documents", ""), rows)
    if threshold is None:
        return f"{table}\n\nOnly exact duplicates were looked for.\n"
    odds = [
        f"{collision_probability(similarity, layout):.3f} at {similarity:.2f}"
        for similarity in (threshold - 0.2, threshold, 0.9)
    ]
    bands = f"{layout.bands} bands of {layout.rows} rows"
    return f"{table}\n\n{bands}: a pair becomes a candidate with probability {', '.join(odds)}.\n"
