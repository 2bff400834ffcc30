"""The steps of deduplication over a draft: sketch every new file, then decide who stays."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.corpus import Corpus
from tasks.dedup.document_shard import Rows, Shard
from tasks.dedup.minhash.bands import runs
from tasks.dedup.minhash.index_format import layout_of, refuse_other
from tasks.dedup.minhash.signatures import sketch
from tasks.dedup.minhash.sketches import write_sketches
from tasks.dedup.near_duplicates.find import Found, near_copies
from tasks.dedup.near_duplicates.greedy import first_of_equal
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft

SKETCHES = ".scratch/sketches"  # in the draft, not in the artifact


class Decision(NamedTuple):
    """What was decided for each of N rows; those of earlier results stay as they are."""

    kept: Rows  # the row that stays for it; its own when it stays
    similarity: npt.NDArray[np.float32]
    cluster: Rows  # the row that names its cluster: the first in rank
    first: Rows  # the first row in rank with the same words
    ranks: Rows

    @property
    def stays(self) -> npt.NDArray[np.bool_]:
        """Which rows stay."""
        same: npt.NDArray[np.bool_] = self.kept == np.arange(len(self.kept))
        return same


def shards_of(settings: Dedup, draft: Draft, inputs: tuple[Artifact, ...]) -> list[Shard]:
    """The files of earlier results, then those of every snapshot to decide, in order."""
    earlier = [each.folder for each in inputs if each.stage == "dedup"]
    for folder in earlier:
        refuse_other(folder, settings)
    known = [
        Shard(path, folder / "signatures" / f"{path.stem}.arrow", number, earlier=True)
        for number, folder in enumerate(earlier)
        for path in sorted((folder / "documents").glob("*.parquet"))
    ]
    new = [
        (path, len(earlier) + number)
        for number, artifact in enumerate(each for each in inputs if each.stage != "dedup")
        for path in sorted((artifact.folder / "documents").glob("*.parquet"))
    ]
    if not new:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a clean stage")
    sketches = draft.path / SKETCHES
    return known + [
        Shard(path, sketches / f"{number:05d}.arrow", snapshot, earlier=False)
        for number, (path, snapshot) in enumerate(new)
    ]


def sketched(settings: Dedup, draft: Draft, shards: list[Shard]) -> Corpus:
    """Sketch every new file."""
    sketch(pa.array([""]), settings.num_perm, settings.shingle, settings.seed)  # compiled once, not by every worker
    new = {shard.name: (shard.documents, shard.known.name, settings) for shard in shards if not shard.earlier}
    draft.map(sketch_shard, new, label="sketch")
    return Corpus(shards, layout_of(settings), settings.num_perm)


def sketch_shard(out: Path, documents: Path, name: str, settings: Dedup) -> dict[str, Any]:
    """Signatures, digests and sorted band keys of one file."""
    of = layout_of(settings)
    known = out / SKETCHES / name
    return {"documents": write_sketches(known, documents, of, settings.num_perm, settings.shingle, settings.seed)}


def decided(settings: Dedup, draft: Draft, corpus: Corpus) -> Decision:
    """Who stays, after exact copies and near-duplicates went."""
    ranks = corpus.ranks()
    first = exact_copies(corpus, ranks)
    found = Found.nothing(corpus.size)
    if settings.near:
        # only the first of equals is compared; a text without words is like no other
        distinct = (first == found.kept)[corpus.num_earlier :] & (corpus.new("words") > 0)
        found = near_copies(settings, draft, corpus, ranks, distinct)
    # an exact copy of a document that went has the same near-duplicate that stays
    return Decision(found.kept[first], found.similarity[first], found.cluster[first], first, ranks)


def exact_copies(corpus: Corpus, ranks: Rows) -> Rows:
    """For each row the first in rank with the same words; an earlier result's rows are their own first."""
    keys, rows = corpus.new_keys(*corpus.digest_range)
    earlier_keys, earlier = corpus.earlier_keys(keys, *corpus.digest_range)
    alike = np.concatenate([earlier, rows])[runs(np.concatenate([earlier_keys, keys])).members]
    alike = alike[np.argsort(ranks[alike])]
    first = np.arange(corpus.size)
    first[alike] = alike[first_of_equal(corpus.bytes_of(alike, "digest").view(np.uint64))]
    first[: corpus.num_earlier] = np.arange(corpus.num_earlier)
    return first
