"""Who stays: in order of rank, a document goes when it repeats one that stays, and only then.

Bands alone, closed transitively, delete too much: a chain of small changes joins documents that share nothing. So each
document is compared with the documents that stay, by signature and, where that is too coarse to tell, by the exact
Jaccard similarity of the shingles. What ranks first always stays, and a later document never changes what was decided.

Most components are stars: every member is surely similar to the one that ranks first, and no text need be read again.
The others are decided one document after the other.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.dedup.minhash.bands import Runs
from tasks.dedup.minhash.signatures import U8, U32, U64
from tasks.runtime.jit import jit

# A document that lies near the threshold of this many others is looked at closely no more often than that: pages of one
# template can share a band by the ten thousand.
MOST_CLOSE_LOOKS = 64
BY_CHANCE = 1 / 256


class Verdict(NamedTuple):
    """For each of N documents, by rank: the one that stays for it (itself when it stays) and how similar that is."""

    kept: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]


class ShingleSets(NamedTuple):
    """Sorted different shingle hashes; those of document i are `values[starts[i]:starts[i + 1]]`."""

    values: U32
    starts: npt.NDArray[np.int64]


def margin(threshold: float, num_perm: int) -> float:
    """Three standard deviations of the signature's estimate at the threshold: further away it is trusted."""
    return float(3 * np.sqrt(threshold * (1 - threshold) / num_perm))


@jit
def estimate(one: Any, other: Any) -> Any:
    """The Jaccard similarity as two signatures estimate it, without bias.

    Low bytes are also equal by chance, once in 256 (Li, König, "b-Bit Minwise Hashing", WWW 2010, section 2).
    """
    equal = 0
    for row in range(one.size):
        equal += one[row] == other[row]
    return (equal / one.size - BY_CHANCE) / (1 - BY_CHANCE)


@jit
def estimates(signatures: Any, others: Any) -> Any:
    """Each document's estimated similarity to another: `others` are the numbers of these."""
    found = np.empty(others.size, np.float32)
    for place in range(others.size):
        found[place] = estimate(signatures[place], signatures[others[place]])
    return found


@jit
def jaccard(one: Any, other: Any) -> Any:
    """Shared over all, of two sorted arrays without repetition."""
    left, right, shared = 0, 0, 0
    while left < one.size and right < other.size:
        shared += one[left] == other[right]
        step = one[left] <= other[right]
        right += one[left] >= other[right]
        left += step
    return shared / max(one.size + other.size - shared, 1)


@jit
def candidates(document: Any, runs_of: Any, starts: Any, staying: Any, num_staying: Any, seen: Any, out: Any) -> Any:
    """Those that stay and share a key with the document, each once, into `out`; returns how many."""
    count = 0
    for run in runs_of:
        for place in range(starts[run], starts[run] + num_staying[run]):
            if seen[staying[place]] != document:
                seen[staying[place]] = document
                out[count] = staying[place]
                count += 1
    return count


@jit
def best_match(document: Any, others: Any, signatures: Any, sets: Any, threshold: Any, around: Any) -> Any:
    """The most similar of the others and its similarity, or -1 when none is similar enough."""
    estimates = np.empty(others.size, np.float32)
    for place in range(others.size):
        estimates[place] = estimate(signatures[document], signatures[others[place]])
    looks = 0
    values, ends = sets
    best, best_similarity = np.int64(-1), 0.0
    mine = values[ends[document] : ends[document + 1]]
    for place in np.argsort(-estimates, kind="mergesort"):
        similarity = estimates[place]
        if similarity < threshold - around or looks == MOST_CLOSE_LOOKS:
            break
        if similarity < threshold + around:
            looks += 1
            similarity = jaccard(mine, values[ends[others[place]] : ends[others[place] + 1]])
        if similarity >= threshold and similarity > best_similarity:
            best, best_similarity = others[place], similarity
            if estimates[place] >= threshold + around:
                break
    return best, best_similarity


@jit
def decide(
    signatures: Any, sets: Any, starts: Any, runs: Any, threshold: Any, around: Any, kept: Any, similarities: Any
) -> None:
    """Fill `kept` and `similarities`; `runs = (mine, of, fixed)`: document i is in the runs `of[mine[i]:mine[i + 1]]`.

    The first `fixed` documents stay without being looked at.
    """
    mine, of, fixed = runs
    staying = np.empty(starts[-1], np.int64)  # run by run, those of its members that stay so far
    num_staying = np.zeros(starts.size - 1, np.int64)
    seen = np.full(kept.size, -1, np.int64)
    others = np.empty(kept.size, np.int64)
    for document in range(kept.size):
        runs_of = of[mine[document] : mine[document + 1]]
        count = candidates(document, runs_of, starts, staying, num_staying, seen, others)
        if document >= fixed:
            found, similarity = best_match(document, others[:count], signatures, sets, threshold, around)
        else:
            found, similarity = np.int64(-1), 0.0
        if found >= 0:
            kept[document], similarities[document] = found, similarity
            continue
        for run in runs_of:
            staying[starts[run] + num_staying[run]] = document
            num_staying[run] += 1


def near_duplicates(signatures: U8, sets: ShingleSets, groups: Runs, threshold: float, fixed: int = 0) -> Verdict:
    """Decide for documents in order of rank, N rows everywhere; `groups` says which share a band key.

    The first `fixed` were decided earlier: they stay.
    """
    count = len(signatures)
    verdict = Verdict(np.arange(count), np.ones(count, np.float32))
    around = margin(threshold, signatures.shape[1])
    runs_of = (*of_documents(groups, count), fixed)
    decide(signatures, tuple(sets), groups.starts, runs_of, threshold, around, *verdict)
    return verdict


def of_documents(groups: Runs, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`mine` and `of`: document i of so many is in the runs `of[mine[i]:mine[i + 1]]`."""
    run_of = np.repeat(np.arange(len(groups.starts) - 1), np.diff(groups.starts))
    order = np.argsort(groups.members, kind="stable")
    return np.searchsorted(groups.members[order], np.arange(count + 1)), run_of[order]


def first_of_equal(digests: U64) -> npt.NDArray[np.int64]:
    """For each document by rank, the first with the same 128-bit digest (N, 2): itself when there is none before."""
    order = np.lexsort((np.arange(len(digests)), digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    begins = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)][: len(digests)]
    first = np.empty(len(digests), np.int64)
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first
