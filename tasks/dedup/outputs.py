"""What the dedup stage writes: documents that stay, clusters, the index for the next snapshot, the counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.bands import layout, reach
from tasks.dedup.corpus import Corpus
from tasks.dedup.steps import Decision
from tasks.dedup.task import Dedup
from tasks.draft import Draft

NAMES = {
    "documents": "came in",
    "exact": "went: exact copies",
    "near": "went: near-duplicates",
    "kept": "stay",
    "largest_cluster": "in the largest cluster",
}


def write_documents(draft: Draft, corpus: Corpus, decision: Decision) -> None:
    """Shard by shard, the rows that stay, with all their columns."""
    draft.map(
        write_shard,
        {
            shard.sketches.name: (shard.documents, shard.sketches.name, decision.stays[begin:end])
            for shard, begin, end in zip(corpus.shards, corpus.begins, corpus.begins[1:], strict=False)
        },
        label="write",
    )


def write_shard(out: Path, documents: Path, name: str, stays: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """The rows of one shard that stay."""
    (out / "documents").mkdir()
    table = pq.read_table(documents).filter(pa.array(stays))
    pq.write_table(table, out / "documents" / f"{name}.parquet", compression="zstd")
    return {"kept": table.num_rows}


def write_clusters(draft: Draft, corpus: Corpus, decision: Decision) -> None:
    """Every document that went, in order of the input, beside the one that stays for it."""
    gone = np.flatnonzero(~decision.stays)
    kept = decision.kept[gone]
    ids = corpus.ids()
    columns = {
        "id": ids.take(pa.array(gone)),
        "kept_id": ids.take(pa.array(kept)),
        "similarity": pa.array(decision.similarity[gone], pa.float32()),
        "kind": pa.array(np.where(decision.first[gone] == kept, "exact", "near").tolist(), pa.string()),
    }
    with draft.write("clusters.parquet") as path:
        pq.write_table(pa.table(columns), path, compression="zstd")


def write_bands(settings: Dedup, draft: Draft, corpus: Corpus, decision: Decision) -> None:
    """The sorted keys of what stays: the index in which a later snapshot looks for copies. One row group a band."""
    of = layout(settings.threshold, settings.num_perm, settings.recall)
    scheme = settings.model_dump(include={"shingle", "num_perm", "seed"})
    scheme |= {"scheme": "affine32", "words": 1, "bands": of.bands, "rows": of.rows}
    metadata = {"textmill.dedup": json.dumps(scheme, sort_keys=True)}
    schema = pa.schema({"key": pa.uint64(), "id": pa.large_string()}, metadata=metadata)
    stays = decision.ranked[(decision.stays & (corpus.words > 0))[decision.ranked]]
    ids = corpus.ids().take(pa.array(stays))
    with draft.write("bands.parquet") as path, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for band in range(of.bands):
            keys = corpus.keys(band)[stays]
            order = np.argsort(keys, kind="stable")
            writer.write_table(pa.table([keys[order], ids.take(pa.array(order))], schema=schema))


def counted(decision: Decision) -> dict[str, Any]:
    """The counts of the manifest."""
    gone = ~decision.stays
    exact = int((gone & (decision.first == decision.kept)).sum())
    return {
        "documents": len(gone),
        "exact": exact,
        "near": int(gone.sum()) - exact,
        "kept": int(decision.stays.sum()),
        "largest_cluster": int(np.bincount(decision.kept).max()),
    }


def summary(settings: Dedup, counts: dict[str, Any]) -> str:
    """The counts as a table, and how surely a pair is found."""
    of = layout(settings.threshold, settings.num_perm, settings.recall)
    lines = ["| documents | |", "|---|---:|"]
    lines += [f"| {name} | {counts[key]:,} |" for key, name in NAMES.items()]
    found = ", ".join(f"{reach(at, of):.3f} at {at:.2f}" for at in (settings.threshold - 0.2, settings.threshold, 0.9))
    return "\n".join(
        [*lines, "", f"{of.bands} bands of {of.rows} rows: a pair is looked at with probability {found}.", ""]
    )
