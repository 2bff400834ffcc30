"""The clusters of earlier results: a document's is named after the member that ranks first, and keeps its name."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.dedup.corpus import Corpus
from tasks.dedup.document_shard import Rows, opened
from tasks.errors import StageFailure

FILE = "clusters.parquet"
LEADER = "leader"  # the kind of a document that stays, or did before a later step


def names(corpus: Corpus, rows: Rows) -> pa.Array:
    """The names of the clusters of some rows; a new row's is its id. Raises StageFailure on another version's file."""
    found = corpus.ids(rows)
    known = pa.array(rows < corpus.num_earlier)
    for folder in dict.fromkeys(shard.documents.parents[1] for shard in corpus.shards if shard.earlier):
        with opened(folder / FILE) as file:
            if "cluster_id" not in file.schema_arrow.names:
                raise StageFailure(f"{folder / FILE} names no clusters", "Build its artifact again with --force")
            listed = file.read(["id", "cluster_id", "kind"]).filter(pc.field("kind") == LEADER).combine_chunks()
        place = pc.index_in(found, value_set=listed["id"])
        named = listed["cluster_id"].take(place).combine_chunks()
        found = pc.if_else(pc.and_(known, pc.is_valid(place)), named, found)
    return found
