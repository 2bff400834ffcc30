"""Clusters of documents: which belong together, though several of them are kept.

A document that is dropped points at the most similar one that is kept, so a family of pages falls into stars, and
documents of two stars can be as similar as those of one. Two clusters become one where a document of one repeats a
document of the other, and the documents of both are similar on average (average linkage: Sokal, Michener, 1958). The
first condition alone makes chains: of the pairs that it puts together on web pages a third are less than .7 similar.

No decision depends on the clusters. A document is compared with at most `MAX_MEMBERS` documents before it in each
group, and with fewer the more of them are in its cluster already.
"""

from typing import Any

import numpy as np

from tasks.dedup.array_types import Rows, SignatureBytes
from tasks.dedup.minhash.bands import KeyGroups
from tasks.dedup.near_duplicates.components import find_root, flatten_sets, join_sets
from tasks.dedup.near_duplicates.greedy import (
    MAX_EXACT_COMPARISONS,
    MAX_SMALL_SET,
    ShingleSets,
    collect_candidates,
    compute_jaccard,
    compute_margin,
    estimate_jaccard,
    list_document_groups,
)
from tasks.runtime.jit import jit

MAX_MEMBERS = 256
SAMPLE_SIZE = 16  # documents that represent a cluster, the first in rank: 8 or 64 gave the same clusters
MIN_AVERAGE = 7 / 8  # of the threshold: .7 at .8


@jit
def average_similarity(one: int, other: int, next_sample: Rows, signatures: SignatureBytes) -> Any:
    """Return the mean estimated similarity of the samples of two clusters, each a list that starts at its root."""
    total, count = 0.0, 0
    while one >= 0:
        right = other
        while right >= 0:
            total += estimate_jaccard(signatures[one], signatures[right])
            count += 1
            right = next_sample[right]
        one = next_sample[one]
    return total / count


@jit
def merge_samples(one: int, other: int, next_sample: Rows) -> None:
    """Merge the samples of two clusters, rising lists, to one of at most SAMPLE_SIZE that starts at the smaller root.

    A list is linked by `next_sample`: the document behind each, -1 behind the last.
    """
    # `last` ends the merged list; `left` and `right` are the heads of what is left of the two lists, or -1
    last, left, right = min(one, other), next_sample[min(one, other)], max(one, other)
    for _ in range(SAMPLE_SIZE - 1):
        # the smaller head goes to `left`, and a list that ended to `right`
        if left < 0 or (0 <= right < left):
            left, right = right, left
        next_sample[last] = left
        if left < 0:
            return
        last, left = left, next_sample[left]
    # what is left of both lists is cut off: those documents stand for their cluster no longer
    next_sample[last] = -1


@jit
def is_near_duplicate(one: int, other: int, signatures: SignatureBytes, sets: Any, bounds: Any) -> Any:
    """Tell whether two documents are near-duplicates; exactly, unless a large one's estimate is surely high enough.

    `bounds` are the threshold and the margin of estimates.
    """
    threshold, margin = bounds
    values, starts = sets
    one_set, other_set = values[starts[one] : starts[one + 1]], values[starts[other] : starts[other + 1]]
    is_large = one_set.size > MAX_SMALL_SET
    if is_large and estimate_jaccard(signatures[one], signatures[other]) >= threshold + margin:
        return True
    return compute_jaccard(one_set, other_set) >= threshold


@jit
def must_stay_separate(one: int, other: int, kept: Rows, num_fixed: int, parent: Rows) -> Any:
    """Tell whether two documents are both kept, so are no near-duplicates, or are of two clusters with fixed documents.

    The clusters of previous snapshots are never joined.
    """
    both_kept = kept[one] == one and kept[other] == other
    # the root is the first of its cluster, and the fixed ones come first
    return both_kept or max(find_root(parent, one), find_root(parent, other)) < num_fixed


@jit
def merge_clusters(
    document: int,
    others: Rows,
    signatures: SignatureBytes,
    sets: Any,
    bounds: Any,
    kept: Rows,
    num_fixed: int,
    forest: Any,
) -> None:
    """Join a document's cluster with that of each other that it repeats, where all of both are similar on average.

    `forest` is `(parent, next_sample)`. The checks come in order of their price: the exact comparison last.
    """
    (threshold, margin), (parent, next_sample) = bounds, forest
    num_exact = 0
    for other in others:
        one, two = find_root(parent, document), find_root(parent, other)
        if one == two or must_stay_separate(document, other, kept, num_fixed, parent):
            continue
        if estimate_jaccard(signatures[document], signatures[other]) < threshold - margin:
            continue
        if average_similarity(one, two, next_sample, signatures) < MIN_AVERAGE * threshold:
            continue
        if is_near_duplicate(document, other, signatures, sets, bounds):
            merge_samples(one, two, next_sample)
            join_sets(parent, one, two)
        num_exact += 1
        if num_exact == MAX_EXACT_COMPARISONS:
            return


@jit
def fill_clusters(
    signatures: SignatureBytes,
    sets: Any,
    starts: Rows,
    document_groups: Any,
    num_fixed: int,
    bounds: Any,
    kept: Rows,
    parent: Rows,
) -> None:
    """Join in `parent` the documents of one cluster; the arguments are those of `greedy.fill_survivors`."""
    group_starts, groups = document_groups
    next_sample = np.full(kept.size, -1, np.int64)
    # The stars that exist already: a document that is dropped joins the sample of its root. It ranks behind the root,
    # and no list begins at it, so it comes as a list of one.
    for document in range(kept.size):
        if parent[document] != document:
            merge_samples(find_root(parent, document), document, next_sample)
    members = np.empty(starts[-1], np.int64)  # group by group, the first of its members so far
    num_members = np.zeros(starts.size - 1, np.int64)
    seen = np.full(kept.size, -1, np.int64)
    others = np.empty(kept.size, np.int64)
    for document in range(kept.size):
        own_groups = groups[group_starts[document] : group_starts[document + 1]]
        count = collect_candidates(document, own_groups, starts, members, num_members, seen, others)
        merge_clusters(document, others[:count], signatures, sets, bounds, kept, num_fixed, (parent, next_sample))
        for group in own_groups:
            if num_members[group] < MAX_MEMBERS:
                members[starts[group] + num_members[group]] = document
                num_members[group] += 1


def cluster_documents(
    signatures: SignatureBytes,
    sets: ShingleSets,
    groups: KeyGroups,
    threshold: float,
    kept: Rows,
    previous_clusters: Rows,
) -> Rows:
    """Return for N documents in order of rank the first document of each one's cluster.

    `kept` names the document that is kept for each. `previous_clusters` is the result for the first documents, which
    previous snapshots hold: their clusters are never joined.
    """
    parent = kept.copy()
    num_fixed = len(previous_clusters)
    parent[:num_fixed] = previous_clusters
    bounds = threshold, compute_margin(threshold, signatures.shape[1])
    document_groups = tuple(list_document_groups(groups, len(kept)))
    fill_clusters(signatures, tuple(sets), groups.starts, document_groups, num_fixed, bounds, kept, parent)
    flatten_sets(parent)
    return parent
