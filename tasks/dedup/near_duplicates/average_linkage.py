"""Which documents make one cluster, though another stays for each.

A document that goes points at the most similar one that stays, so a family of pages falls into stars, and documents of
two stars can be as similar as those of one. Two clusters become one where a document of one repeats a document of the
other, and the documents of both are similar on average (average linkage: Sokal, Michener, 1958). The first alone makes
chains: of the pairs that it puts together on web pages a third are less than .7 similar.

Nothing that goes or stays depends on it. A document is compared with at most `MOST_MEMBERS` earlier ones of each run,
and with fewer the more of them are in its cluster already.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.dedup.minhash.bands import Runs
from tasks.dedup.minhash.signatures import U8
from tasks.dedup.near_duplicates.components import flatten, join, root
from tasks.dedup.near_duplicates.greedy import (
    MOST_CLOSE_LOOKS,
    ShingleSets,
    candidates,
    estimate,
    jaccard,
    margin,
    of_documents,
)
from tasks.runtime.jit import jit

MOST_MEMBERS = 256
SAMPLED = 16  # documents by which a cluster is known, those that rank first: 8 or 64 gave the same clusters
AVERAGE = 7 / 8  # of the threshold: .7 at .8


@jit
def average(one: Any, other: Any, following: Any, signatures: Any) -> Any:
    """The mean estimated similarity of the sampled documents of two clusters, each a list that begins at its root."""
    total, count = 0.0, 0
    while one >= 0:
        right = other
        while right >= 0:
            total += estimate(signatures[one], signatures[right])
            count += 1
            right = following[right]
        one = following[one]
    return total / count


@jit
def merge(one: Any, other: Any, following: Any) -> None:
    """Make of two rising lists one, and cut it after `SAMPLED`."""
    at, left, right = min(one, other), following[min(one, other)], max(one, other)
    for _ in range(SAMPLED - 1):
        if left < 0 or (0 <= right < left):
            left, right = right, left
        following[at] = left
        if left < 0:
            return
        at, left = left, following[left]
    following[at] = -1


@jit
def repeats(one: Any, other: Any, signatures: Any, sets: Any, bounds: Any) -> Any:
    """Whether two documents are near-copies, exactly where their estimate lies between the bounds."""
    threshold, around = bounds
    if estimate(signatures[one], signatures[other]) >= threshold + around:
        return True
    values, ends = sets
    mine, theirs = values[ends[one] : ends[one + 1]], values[ends[other] : ends[other + 1]]
    return jaccard(mine, theirs) >= threshold


@jit
def told_apart(one: Any, other: Any, kept: Any, fixed: Any, parent: Any) -> Any:
    """Whether two documents both stay, so are no near-copies, or are of clusters that both have a fixed document."""
    both_stay = kept[one] == one and kept[other] == other
    # the root is the first of its cluster, and the fixed ones come first
    return both_stay or max(root(parent, one), root(parent, other)) < fixed


@jit
def link(
    document: Any, others: Any, signatures: Any, sets: Any, bounds: Any, kept: Any, fixed: Any, forest: Any
) -> None:
    """Join a document's cluster with that of each other that it repeats, where all of both are similar on average."""
    (threshold, around), (parent, following) = bounds, forest
    looks = 0
    for other in others:
        one, two = root(parent, document), root(parent, other)
        if one == two or told_apart(document, other, kept, fixed, parent):
            continue
        if estimate(signatures[document], signatures[other]) < threshold - around:
            continue
        if average(one, two, following, signatures) < AVERAGE * threshold:
            continue
        if repeats(document, other, signatures, sets, bounds):
            merge(one, two, following)
            join(parent, one, two)
        looks += 1
        if looks == MOST_CLOSE_LOOKS:
            return


@jit
def link_all(signatures: Any, sets: Any, starts: Any, runs: Any, bounds: Any, kept: Any, parent: Any) -> None:
    """Join in `parent` what belongs together; `runs = (mine, of, fixed)` as `cluster.decide` takes it."""
    mine, of, fixed = runs
    following = np.full(kept.size, -1, np.int64)
    for document in range(kept.size):
        if parent[document] != document:
            merge(root(parent, document), document, following)
    members = np.empty(starts[-1], np.int64)  # run by run, the first of its members so far
    num_members = np.zeros(starts.size - 1, np.int64)
    seen = np.full(kept.size, -1, np.int64)
    others = np.empty(kept.size, np.int64)
    for document in range(kept.size):
        runs_of = of[mine[document] : mine[document + 1]]
        count = candidates(document, runs_of, starts, members, num_members, seen, others)
        link(document, others[:count], signatures, sets, bounds, kept, fixed, (parent, following))
        for run in runs_of:
            if num_members[run] < MOST_MEMBERS:
                members[starts[run] + num_members[run]] = document
                num_members[run] += 1


def clusters(
    signatures: U8,
    sets: ShingleSets,
    groups: Runs,
    threshold: float,
    kept: npt.NDArray[np.int64],
    earlier: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """For N documents in order of rank, of which `kept` says who stays for each, the first of its cluster.

    `earlier` says the same of the first of them, which earlier results hold: clusters of these are never joined.
    """
    parent = kept.copy()
    parent[: len(earlier)] = earlier
    bounds = threshold, margin(threshold, signatures.shape[1])
    runs = (*of_documents(groups, len(kept)), len(earlier))
    link_all(signatures, tuple(sets), groups.starts, runs, bounds, kept, parent)
    flatten(parent)
    return parent
