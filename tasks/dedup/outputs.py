"""What the dedup stage writes: documents that stay, clusters, the index for the next snapshot, the counts."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.dedup.corpus import Corpus
from tasks.dedup.decontamination.decontaminate import CUTS
from tasks.dedup.document_shard import BATCH, opened, texts_by_row
from tasks.dedup.minhash.band_index import known, write_keys, write_known
from tasks.dedup.minhash.bands import key_ranges, reach
from tasks.dedup.minhash.index_format import layout_of, metadata
from tasks.dedup.near_duplicates.cluster_ids import FILE, LEADER, names
from tasks.dedup.repeated_passages import REDUCED
from tasks.dedup.settings import Dedup
from tasks.dedup.steps import Decision
from tasks.store import Draft

Flags = npt.NDArray[np.bool_]
# a later snapshot reads again those row groups that hold a possible copy of a new document
DOCUMENTS_A_GROUP = 256
NAMES = {
    "documents": "came in",
    "exact": "went: exact copies",
    "near": "went: near-duplicates",
    "emptied": "went: nothing but repeated parts",
    "contamination_dropped": "went: evaluation texts",
    "contamination_cut": "lost evaluation texts",
    "repeated_parts": "repeated parts dropped",
    "kept": "stay",
    "clusters": "clusters",
    "largest_cluster": "in the largest cluster",
}


def write_documents(settings: Dedup, draft: Draft, corpus: Corpus, stays: Flags) -> None:
    """File by file, the rows that stay: all their columns, and apart what the index keeps of them."""
    np.save(draft.scratch / "stays.npy", stays[corpus.num_earlier :])
    new = [
        (shard, int(begin) - corpus.num_earlier)
        for shard, begin in zip(corpus.shards, corpus.begins, strict=False)
        if not shard.earlier
    ]
    work = {shard.name: (shard.documents, shard.known, begin, draft.path, settings, shard.name) for shard, begin in new}
    draft.map(write_shard, work, label="write")


def write_shard(
    out: Path, documents: Path, sketched: Path, begin: int, draft: Path, settings: Dedup, name: str
) -> dict[str, Any]:
    """The rows of one file that stay; the file's first row has the number `begin` among the new ones."""
    all_known = known(sketched)
    stays = np.load(draft / ".scratch" / "stays.npy", mmap_mode="r")[begin : begin + all_known.num_rows]
    changed = texts_by_row(draft / REDUCED / f"{name}.parquet") | texts_by_row(draft / CUTS / f"{name}.parquet")
    (out / "documents").mkdir()
    with opened(documents) as file:
        schema = file.schema_arrow
        # so few values at a time are not worth a dictionary: zstd finds what repeats, and texts do not
        options: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
        with pq.ParquetWriter(out / "documents" / f"{name}.parquet", schema, **options) as writer:
            at = 0
            for batch in file.iter_batches(BATCH, use_threads=False):
                here = {row - at: text for row, text in changed.items() if at <= row < at + len(batch)}
                kept = with_texts(batch, here).filter(pa.array(stays[at : at + len(batch)]))
                writer.write_batch(kept, row_group_size=DOCUMENTS_A_GROUP)
                at += len(batch)
    (out / "signatures").mkdir()
    kept = all_known.filter(pa.array(stays)).replace_schema_metadata(metadata(settings))
    write_known(out / "signatures" / f"{name}.arrow", kept)
    return {"kept": int(stays.sum())}


def with_texts(batch: pa.RecordBatch, changed: dict[int, str]) -> pa.RecordBatch:
    """The batch with other texts in some rows."""
    if not changed:
        return batch
    place = batch.schema.get_field_index("text")
    texts = [changed.get(row, text) for row, text in enumerate(batch.column(place).to_pylist())]
    return batch.set_column(place, batch.schema.field(place), pa.array(texts, batch.schema.types[place]))


def write_bands(settings: Dedup, draft: Draft, corpus: Corpus, stays: Flags) -> None:
    """The sorted keys of what stays: the index in which a later snapshot looks for copies."""
    new = stays[corpus.num_earlier :]
    np.save(draft.scratch / "numbers.npy", np.where(new, np.cumsum(new) - 1, -1))
    parts = key_ranges(corpus.of.bands + 1, int(new.sum()))
    work = {
        f"{number:05d}": (corpus, *ends, draft.scratch, settings, f"{number:05d}") for number, ends in enumerate(parts)
    }
    draft.map(write_part, work, label="index")


def write_part(
    out: Path, corpus: Corpus, first: int, last: int, scratch: Path, settings: Dedup, name: str
) -> dict[str, Any]:
    """The sorted keys from first to last of what stays."""
    keys, rows = corpus.new_keys(first, last)
    numbers = np.load(scratch / "numbers.npy", mmap_mode="r")[rows - corpus.num_earlier]
    stay = numbers >= 0
    (out / "bands").mkdir()
    write_keys(out / "bands" / f"{name}.parquet", keys[stay], numbers[stay], metadata(settings))
    return {"keys": int(stay.sum())}


def write_clusters(draft: Draft, corpus: Corpus, decision: Decision, stays: Flags) -> None:
    """Every new document that is in a cluster, in order of the input, beside the one that stays for it and the cluster.

    `kept_id` is null where the one that stayed was dropped for what its text held.
    """
    sizes = np.bincount(decision.cluster, minlength=corpus.size)
    listed = np.flatnonzero((sizes[decision.cluster] > 1) & (np.arange(corpus.size) >= corpus.num_earlier))
    kept = decision.kept[listed]
    kind = np.where(kept == listed, LEADER, np.where(decision.first[listed] == kept, "exact", "near"))
    columns = {
        "id": corpus.ids(listed),
        "kept_id": pc.if_else(pa.array(stays[kept]), corpus.ids(kept), None),
        "cluster_id": names(corpus, decision.cluster[listed]),
        "similarity": pa.array(decision.similarity[listed], pa.float32()),
        "kind": pa.array(kind.tolist(), pa.string()),
    }
    with draft.write(FILE) as path:
        pq.write_table(pa.table(columns), path, compression="zstd")


def counted(corpus: Corpus, decision: Decision, stays: Flags) -> dict[str, Any]:
    """The counts of the manifest."""
    gone = ~decision.stays
    exact = int((gone & (decision.first == decision.kept)).sum())
    new = corpus.size - corpus.num_earlier
    return {
        "documents": new,
        "earlier": corpus.num_earlier,
        "exact": exact,
        "near": int(gone.sum()) - exact,
        "kept": int(stays[corpus.num_earlier :].sum()),
        "clusters": int((np.bincount(decision.cluster) > 1).sum()),
        "largest_cluster": int(np.bincount(decision.cluster).max()),
    }


def summary(settings: Dedup, counts: dict[str, Any]) -> str:
    """The counts as a table, and how surely a pair is found."""
    lines = ["| documents | |", "|---|---:|"]
    counts = counts | {f"contamination_{key}": count for key, count in counts.get("contamination", {}).items()}
    lines += [f"| {name} | {counts[key]:,} |" for key, name in NAMES.items() if key in counts]
    if not settings.near:
        return "\n".join([*lines, "", "Only exact copies were looked for.", ""])
    of = layout_of(settings)
    found = ", ".join(f"{reach(at, of):.3f} at {at:.2f}" for at in (settings.threshold - 0.2, settings.threshold, 0.9))
    return "\n".join(
        [*lines, "", f"{of.bands} bands of {of.rows} rows: a pair is looked at with probability {found}.", ""]
    )
