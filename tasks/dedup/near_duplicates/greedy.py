"""Select the documents that are kept: in order of rank, one is dropped only when it repeats one that is kept.

Bands alone, closed transitively, delete too much: a chain of small changes joins documents that share nothing. So each
document is compared with the documents that are kept, by signature and, where that is too coarse to tell, by the exact
Jaccard similarity of the shingles. The first in rank is always kept, and a later document never changes a decision.
Short documents are always compared exactly.
"""

from typing import Any, NamedTuple

import numpy as np

from tasks.dedup.array_types import Digests, Hashes64, Rows, SignatureBytes, Similarities
from tasks.dedup.minhash.bands import KeyGroups
from tasks.runtime.array_types import Flags
from tasks.runtime.jit import jit

# A document that lies near the threshold of many others is compared exactly no more often than this: pages of one
# template can share a band by the ten thousand.
MAX_EXACT_COMPARISONS = 64
# A document of at most so many words, or different shingles, is small. The estimate of a small one is never trusted:
# a word that differs moves its similarity far, and a wrong decision loses a text and not the twin of a long page. The
# exact comparison costs it no more than the estimate, so no limit holds either.
MAX_SMALL_SET = 256
EQUAL_BY_CHANCE = 1 / 256  # the probability that the bytes of different values agree


class Survivors(NamedTuple):
    """For each of N documents, by rank, the one that is kept for it (itself when it is kept), and their similarity."""

    kept: Rows
    similarity: Similarities


class ShingleSets(NamedTuple):
    """Sorted different shingle hashes; those of document i are `values[starts[i]:starts[i + 1]]`."""

    values: Hashes64
    starts: Rows


class DocumentGroups(NamedTuple):
    """The groups that each document is in: document i is in `groups[starts[i]:starts[i + 1]]`."""

    starts: Rows
    groups: Rows


def compute_margin(threshold: float, num_perm: int) -> float:
    """Return three standard deviations of a signature's estimate at the threshold: further away it is trusted."""
    # at a threshold of 1 there is no deviation, but an estimate of 1 is no proof: there none may be trusted
    return float(max(3 * np.sqrt(threshold * (1 - threshold) / num_perm), 1 / num_perm))


@jit
def estimate_jaccard(one: Any, other: Any) -> Any:
    """Estimate the Jaccard similarity of two texts from the bytes of their signatures, without bias.

    Bytes are also equal by chance, once in 256 (Li, König, "b-Bit Minwise Hashing", WWW 2010, section 2).
    """
    equal = 0
    for index in range(one.size):
        equal += one[index] == other[index]
    # may be slightly below 0, where documents share less than chance gives
    return (equal / one.size - EQUAL_BY_CHANCE) / (1 - EQUAL_BY_CHANCE)


@jit
def estimate_pairs(signatures: SignatureBytes, others: Rows) -> Any:
    """Estimate the similarity of each document i to document `others[i]`."""
    similarities = np.empty(others.size, np.float32)
    for document in range(others.size):
        similarities[document] = estimate_jaccard(signatures[document], signatures[others[document]])
    return similarities


@jit
def compute_jaccard(one: Hashes64, other: Hashes64) -> Any:
    """Compute the Jaccard similarity of two sets, given as sorted arrays: size of intersection over size of union."""
    left, right, shared = 0, 0, 0
    while left < one.size and right < other.size:
        # without branches: the side with the smaller value moves on, both where they are equal
        shared += one[left] == other[right]
        # before `right` moves: both sides are compared at the same two positions
        step = one[left] <= other[right]
        right += one[left] >= other[right]
        left += step
    return shared / max(one.size + other.size - shared, 1)


@jit
def collect_candidates(
    document: int, own_groups: Rows, starts: Rows, members: Rows, num_members: Rows, seen: Rows, out: Rows
) -> Any:
    """Write the members of the document's groups to `out`, each once; returns how many there are.

    Group g has the `num_members[g]` members from `members[starts[g]]` on. `seen` holds for each document the last one
    that it was a candidate of, so it need not be emptied between calls.
    """
    count = 0
    for group in own_groups:
        for index in range(starts[group], starts[group] + num_members[group]):
            if seen[members[index]] != document:
                seen[members[index]] = document
                out[count] = members[index]
                count += 1
    return count


@jit
def find_best_match(
    document: int, others: Rows, signatures: SignatureBytes, sets: Any, threshold: float, margin: float
) -> Any:
    """Return the most similar of the other documents and its similarity, or -1 when none reaches the threshold."""
    estimates = np.empty(others.size, np.float32)
    for index in range(others.size):
        estimates[index] = estimate_jaccard(signatures[document], signatures[others[index]])
    num_exact = 0
    values, starts = sets
    best, best_similarity = np.int64(-1), 0.0
    own_set = values[starts[document] : starts[document + 1]]
    is_small = own_set.size <= MAX_SMALL_SET
    # in falling order of the estimate, and stable, so that of equals the first in rank is taken
    for index in np.argsort(-estimates, kind="mergesort"):
        similarity = estimates[index]
        # estimates fall, so all that follow are surely below the threshold too
        if similarity < threshold - margin or num_exact == MAX_EXACT_COMPARISONS:
            break
        if is_small or similarity < threshold + margin:
            num_exact += not is_small
            similarity = compute_jaccard(own_set, values[starts[others[index]] : starts[others[index] + 1]])
        if similarity >= threshold and similarity > best_similarity:
            best, best_similarity = others[index], similarity
            # a sure estimate is taken as it is, and none that follows is higher
            if estimates[index] >= threshold + margin and not is_small:
                break
    return best, best_similarity


@jit
def fill_survivors(
    signatures: SignatureBytes,
    sets: Any,
    starts: Rows,
    document_groups: Any,
    num_fixed: int,
    bounds: Any,
    kept: Rows,
    similarities: Similarities,
) -> None:
    """Fill `kept` and `similarities` document by document; group g has `starts[g + 1] - starts[g]` members.

    The first `num_fixed` documents are kept without being looked at. `sets` and `document_groups` are the tuples of
    ShingleSets and DocumentGroups, `bounds` are the threshold and the margin of estimates.
    """
    (group_starts, groups), (threshold, margin) = document_groups, bounds
    # a group never has more survivors than members, so its own stretch suffices
    survivors = np.empty(starts[-1], np.int64)  # group by group, those of its members that are kept so far
    num_survivors = np.zeros(starts.size - 1, np.int64)
    seen = np.full(kept.size, -1, np.int64)
    others = np.empty(kept.size, np.int64)
    for document in range(kept.size):
        own_groups = groups[group_starts[document] : group_starts[document + 1]]
        count = collect_candidates(document, own_groups, starts, survivors, num_survivors, seen, others)
        if document >= num_fixed:
            match, similarity = find_best_match(document, others[:count], signatures, sets, threshold, margin)
        else:
            match, similarity = np.int64(-1), 0.0
        # a dropped document is in no list of survivors: nothing is dropped for its resemblance to it
        if match >= 0:
            kept[document], similarities[document] = match, similarity
            continue
        for group in own_groups:
            survivors[starts[group] + num_survivors[group]] = document
            num_survivors[group] += 1


def select_survivors(
    signatures: SignatureBytes, sets: ShingleSets, groups: KeyGroups, threshold: float, num_fixed: int = 0
) -> Survivors:
    """Decide N documents in order of rank, which is the order of all arrays; `groups` are those with equal band keys.

    The first `num_fixed` were decided in a previous snapshot: they are kept.
    """
    count = len(signatures)
    survivors = Survivors(np.arange(count), np.ones(count, np.float32))
    bounds = threshold, compute_margin(threshold, signatures.shape[1])
    document_groups = tuple(list_document_groups(groups, count))
    fill_survivors(signatures, tuple(sets), groups.starts, document_groups, num_fixed, bounds, *survivors)
    return survivors


def list_document_groups(groups: KeyGroups, count: int) -> DocumentGroups:
    """List the groups of each of `count` documents."""
    group_of = np.repeat(np.arange(len(groups.starts) - 1), np.diff(groups.starts))
    order = np.argsort(groups.members, kind="stable")
    # where each document's stretch of the sorted members begins, and behind the last where it ends
    return DocumentGroups(np.searchsorted(groups.members[order], np.arange(count + 1)), group_of[order])


def find_first_equal(digests: Digests) -> Rows:
    """Return for each document, by rank, the first with the same 128-bit digest (N, 2): itself when it is the first."""
    order = np.lexsort((np.arange(len(digests)), digests[:, 1], digests[:, 0]))
    sorted_digests = digests[order]
    # [: len(digests)], because of no digests np.r_ still gives one True
    is_first: Flags = np.r_[True, (sorted_digests[1:] != sorted_digests[:-1]).any(axis=1)][: len(digests)]
    first = np.empty(len(digests), np.int64)
    first[order] = order[is_first][np.cumsum(is_first) - 1]
    return first
