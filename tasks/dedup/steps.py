"""The steps of deduplication over a draft: sketch every shard, then decide who stays."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.dedup.bands import layout
from tasks.dedup.cluster import ShingleSets, first_of_equal, near_duplicates
from tasks.dedup.corpus import Corpus, Rows, Shard, column, gathered, write_sets, write_sketches
from tasks.dedup.minhash import sketch
from tasks.dedup.task import Dedup
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.store import Artifact

SKETCHES, SETS = ".scratch/sketches", ".scratch/sets"  # in the draft, not in the artifact


class Decision(NamedTuple):
    """What was decided for each of N rows."""

    kept: Rows  # the row that stays for it; its own when it stays
    similarity: npt.NDArray[np.float32]
    first: Rows  # the first row in rank with the same words
    ranked: Rows  # all rows in order of rank

    @property
    def stays(self) -> npt.NDArray[np.bool_]:
        """Which rows stay."""
        same: npt.NDArray[np.bool_] = self.kept == np.arange(len(self.kept))
        return same


def shards_of(draft: Draft, documents: tuple[Artifact, ...]) -> list[Shard]:
    """Every document file of every snapshot, in order."""
    files = [
        (path, snapshot)
        for snapshot, artifact in enumerate(documents)
        for path in sorted((artifact.folder / "documents").glob("*.parquet"))
    ]
    if not files:
        raise StageFailure("no documents/*.parquet in the input", "Give the artifact of a clean stage")
    return [
        Shard(path, snapshot, draft.path / SKETCHES / f"{number:05d}") for number, (path, snapshot) in enumerate(files)
    ]


def sketched(settings: Dedup, draft: Draft, shards: list[Shard]) -> Corpus:
    """Sketch every shard."""
    sketch(pa.array([""]), settings.num_perm, settings.shingle, settings.seed)  # compiled once, not by every worker
    draft.map(
        sketch_shard,
        {shard.sketches.name: (shard.documents, shard.sketches.name, settings) for shard in shards},
        label="sketch",
    )
    return Corpus(shards)


def sketch_shard(out: Path, documents: Path, name: str, settings: Dedup) -> dict[str, Any]:
    """Signatures, digests and band keys of one shard."""
    texts = column(documents, "text")
    of = layout(settings.threshold, settings.num_perm, settings.recall)
    write_sketches(out / SKETCHES / name, texts, of, settings.num_perm, settings.shingle, settings.seed)
    return {"documents": len(texts)}


def decided(settings: Dedup, draft: Draft, corpus: Corpus) -> Decision:
    """Who stays, after exact copies and near-duplicates went."""
    ranked = corpus.ranked()
    first = first_of_equal(corpus.digests()[ranked])
    kept, similarity = np.arange(corpus.size), np.ones(corpus.size, np.float32)
    if settings.near:
        # only the first of equals is compared; a text without words is like no other
        distinct = np.flatnonzero((first == kept) & (corpus.words[ranked] > 0))
        compare(settings, draft, corpus, ranked, distinct, kept, similarity)
    in_rows = np.empty((2, corpus.size), np.int64)
    # an exact copy of a document that went has the same near-duplicate that stays
    in_rows[:, ranked] = ranked[kept[first]], ranked[first]
    row_similarity = np.empty_like(similarity)
    row_similarity[ranked] = similarity[first]
    return Decision(in_rows[0], row_similarity, in_rows[1], ranked)


def compare(
    settings: Dedup, draft: Draft, corpus: Corpus, ranked: Rows, distinct: Rows, kept: Rows, similarity: Any
) -> None:
    """Find near-duplicates among distinct ranks and note them in `kept` and `similarity`."""
    of = layout(settings.threshold, settings.num_perm, settings.recall)
    groups = corpus.groups(ranked[distinct], of.bands)
    positions, members = np.unique(groups.members, return_inverse=True)
    suspects = distinct[positions]
    sets = shingle_sets(settings, draft, corpus, ranked[suspects])
    near = near_duplicates(
        corpus.signatures(ranked[suspects]), sets, groups._replace(members=members), settings.threshold
    )
    kept[suspects], similarity[suspects] = suspects[near.kept], near.similarity


def shingle_sets(settings: Dedup, draft: Draft, corpus: Corpus, rows: Rows) -> ShingleSets:
    """The shingle sets of some rows, made shard by shard."""
    here = [
        np.flatnonzero((rows >= begin) & (rows < end))
        for begin, end in zip(corpus.begins, corpus.begins[1:], strict=False)
    ]
    # each shard reads its file from the top, so its rows are asked for in rising order
    places = [place[np.argsort(rows[place])] for place in here]
    wanted = [
        (shard, place, rows[place] - begin)
        for shard, place, begin in zip(corpus.shards, places, corpus.begins, strict=False)
        if len(place)
    ]
    draft.map(
        shingle_shard,
        {shard.sketches.name: (shard.documents, shard.sketches.name, chosen, settings) for shard, _, chosen in wanted},
        label="shingle",
    )
    folders = [draft.path / SETS / shard.sketches.name for shard, _, _ in wanted]
    return gathered(folders, [place for _, place, _ in wanted], draft.scratch / "sets.npy")


def shingle_shard(out: Path, documents: Path, name: str, chosen: Rows, settings: Dedup) -> dict[str, Any]:
    """Shingle sets of the rows of one shard that may repeat another."""
    write_sets(out / SETS / name, column(documents, "text"), chosen, settings.shingle)
    return {"documents": len(chosen)}
