"""The ids of clusters: a cluster is named after its member that ranks first, and keeps that id in later snapshots."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.array_types import Rows
from tasks.dedup.document_shard import open_parquet
from tasks.dedup.document_table import DocumentTable
from tasks.errors import StageFailure

CLUSTERS_FILE = "clusters.parquet"
LEADER = "leader"  # the kind of a document that is kept, or was before a later step dropped it


def look_up_cluster_ids(documents: DocumentTable, rows: Rows) -> pa.Array:
    """Return the cluster ids of some rows: of a previous result's row the one recorded there, of a new row its own id.

    Raises StageFailure when a previous result records no cluster ids.
    """
    cluster_ids = documents.read_ids(rows)
    is_previous = pa.array(rows < documents.num_previous)
    for folder in documents.previous_folders:
        with open_parquet(folder / CLUSTERS_FILE) as file:
            if "cluster_id" not in file.schema_arrow.names:
                raise StageFailure(
                    f"{folder / CLUSTERS_FILE} names no clusters", "Build its artifact again with --force"
                )
            leaders = file.read(["id", "cluster_id", "kind"]).filter(pc.field("kind") == LEADER).combine_chunks()
        index = pc.index_in(cluster_ids, value_set=leaders["id"])
        recorded = leaders["cluster_id"].take(index).combine_chunks()
        cluster_ids = pc.if_else(pc.and_(is_previous, pc.is_valid(index)), recorded, cluster_ids)
    return cluster_ids
