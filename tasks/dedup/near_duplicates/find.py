"""Near-copies: parts of the sorted keys are joined by workers, stars decided by signature, the rest one by one."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dedup.corpus import Corpus
from tasks.dedup.document_shard import Rows, Shard
from tasks.dedup.minhash.bands import band_keys, key_ranges, runs
from tasks.dedup.minhash.signatures import U8
from tasks.dedup.near_duplicates.average_linkage import clusters
from tasks.dedup.near_duplicates.cluster_ids import names
from tasks.dedup.near_duplicates.components import components, edges_within, join_edges
from tasks.dedup.near_duplicates.greedy import estimates, margin, near_duplicates
from tasks.dedup.near_duplicates.shingle_sets import gathered, write_sets
from tasks.dedup.settings import Dedup
from tasks.store import Draft

EDGES, SETS = ".scratch/edges", ".scratch/sets"  # in the draft, not in the artifact
TOGETHER = 1 << 14  # documents decided at once: 14,000 sets of 500 shingles are 30 MB


class Found(NamedTuple):
    """Of each of N rows: what is filled in as components are decided."""

    kept: Rows  # the row that stays for it; its own when it stays
    similarity: npt.NDArray[np.float32]
    cluster: Rows  # the first row of its cluster; of an earlier result's rows, the first that is looked at here

    @classmethod
    def nothing(cls, size: int) -> "Found":
        """Every row stays, alone."""
        return cls(np.arange(size), np.ones(size, np.float32), np.arange(size))


def near_copies(settings: Dedup, draft: Draft, corpus: Corpus, ranks: Rows, distinct: npt.NDArray[np.bool_]) -> Found:
    """Which distinct new documents repeat one that stays."""
    found = Found.nothing(corpus.size)
    rows, begins = joined(settings, draft, corpus, distinct, ranks)
    draft.counts |= {"suspects": len(rows), "read_again": 0}
    if not len(rows):
        return found
    signatures = corpus.bytes_of(rows, "signature")
    lead = np.repeat(begins[:-1], np.diff(begins))
    like_lead = estimates(signatures, lead)
    new = rows >= corpus.num_earlier
    sure = like_lead >= settings.threshold + margin(settings.threshold, settings.num_perm)
    in_star = np.repeat(np.logical_and.reduceat(sure | ~new, begins[:-1]), np.diff(begins))
    goes = in_star & new & (lead != np.arange(len(rows)))
    found.kept[rows[goes]] = found.cluster[rows[goes]] = rows[lead[goes]]
    found.similarity[rows[goes]] = like_lead[goes]
    draft.counts["read_again"] = int((~in_star).sum())
    folders = shingled(settings, draft, corpus, rows[~in_star])
    old = rows[~in_star & ~new]
    found.cluster[old] = old[first_places(names(corpus, old).dictionary_encode().indices.to_numpy())]
    for places in together(np.flatnonzero(~in_star), lead):
        one_by_one(settings, corpus, rows[places], signatures[places], ranks, folders, found)
    return found


def first_places(labels: Rows) -> Rows:
    """For each label the first place that has it."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse]


def joined(
    settings: Dedup, draft: Draft, corpus: Corpus, distinct: npt.NDArray[np.bool_], ranks: Rows
) -> tuple[Rows, Rows]:
    """The components of documents that may be near-copies: their rows, and where each begins."""
    np.save(draft.scratch / "distinct.npy", distinct)
    parts = key_ranges(corpus.of.bands, corpus.size - corpus.num_earlier)
    work = {
        f"{number:05d}": (corpus, *ends, settings, draft.scratch, f"{number:05d}") for number, ends in enumerate(parts)
    }
    counts = draft.map(join_part, work, label="join")
    draft.counts["compared"] = sum(each["compared"] for each in counts.values())
    parent = np.arange(corpus.size)
    for name in work:
        join_edges(parent, np.load(draft.path / EDGES / f"{name}.npy"))
    return components(parent, ranks)


def join_part(
    out: Path, corpus: Corpus, first: int, last: int, settings: Dedup, scratch: Path, name: str
) -> dict[str, Any]:
    """The edges between documents that share a key from first to last."""
    keys, rows = corpus.new_keys(first, last)
    distinct = np.load(scratch / "distinct.npy", mmap_mode="r")[rows - corpus.num_earlier]
    keys, rows = keys[distinct], rows[distinct]
    earlier_keys, earlier = corpus.earlier_keys(keys, first, last)
    groups = runs(np.concatenate([earlier_keys, keys]))
    suspects, members = np.unique(np.concatenate([earlier, rows])[groups.members], return_inverse=True)
    around = margin(settings.threshold, settings.num_perm)
    # a pair at the threshold, one of which is this close to a third, is joined through it: distances add up
    close = 1 - around / 2
    signatures = corpus.bytes_of(suspects, "signature")
    groups = groups._replace(members=members)
    edges, compared = edges_within(suspects, signatures, groups, settings.threshold - around, close)
    (out / EDGES).mkdir(parents=True)
    np.save(out / EDGES / f"{name}.npy", edges)
    return {"compared": compared}


def shingled(settings: Dedup, draft: Draft, corpus: Corpus, rows: Rows) -> dict[Shard, Path]:
    """Write the shingle sets of some rows; returns each file's folder of them."""
    folders: dict[Shard, Path] = {}
    work = {}
    for shard, _places, inside in corpus.placed(rows):
        name = f"{corpus.shards.index(shard):05d}"
        folders[shard] = draft.path / SETS / name
        work[name] = (shard.documents, inside, settings.shingle, name)
    draft.map(shingle_shard, work, label="shingle")
    return folders


def shingle_shard(out: Path, documents: Path, rows: Rows, size: int, name: str) -> dict[str, Any]:
    """The shingle sets of some rows of one file."""
    write_sets(out / SETS / name, documents, rows, size)
    return {"documents": len(rows)}


def together(places: Rows, lead: Rows) -> list[Rows]:
    """The places in batches of whole components: of some `TOGETHER` documents, or of one component that is larger."""
    if not len(places):
        return []
    begins = np.flatnonzero(np.r_[True, np.diff(lead[places]) != 0])
    return np.split(places, begins[1:][np.diff(begins // TOGETHER) > 0])


def one_by_one(
    settings: Dedup,
    corpus: Corpus,
    rows: Rows,
    signatures: U8,
    ranks: Rows,
    folders: dict[Shard, Path],
    found: Found,
) -> None:
    """Decide some whole components in order of rank."""
    order = np.argsort(ranks[rows])
    rows, signatures = rows[order], signatures[order]
    groups = runs(band_keys(signatures, corpus.of).ravel())
    groups = groups._replace(members=groups.members % len(rows))
    fixed = int((rows < corpus.num_earlier).sum())
    sets = gathered(corpus, rows, folders)
    verdict = near_duplicates(signatures, sets, groups, settings.threshold, fixed)
    found.kept[rows], found.similarity[rows] = rows[verdict.kept], verdict.similarity
    earlier = first_places(found.cluster[rows[:fixed]])
    found.cluster[rows] = rows[clusters(signatures, sets, groups, settings.threshold, verdict.kept, earlier)]
