"""Which documents must be decided together: those joined, directly or by others, through plausible near-copies.

Each part of the sorted keys gives edges, most of them from the first of a run to its other members; an array union-find
joins them. An edge needs signatures that make a near-copy plausible: a shared key alone joins half of a corpus.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.dedup.document_shard import Rows
from tasks.dedup.minhash.bands import Runs
from tasks.dedup.minhash.signatures import U8
from tasks.dedup.near_duplicates.greedy import estimate
from tasks.runtime.jit import jit

# In a run of documents that differ, such as pages whose menus share a band, each is compared with so many others.
MOST_LEADERS = 256


@jit
def root(parent: Any, node: Any) -> Any:
    """The node that stands for the node's set; the path to it is halved on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@jit
def join(parent: Any, one: Any, other: Any) -> None:
    """Make two sets one: the smaller node stands for both."""
    left, right = root(parent, one), root(parent, other)
    parent[max(left, right)] = min(left, right)


@jit
def join_runs(signatures: Any, members: Any, starts: Any, plausible: Any, close: Any, parent: Any) -> Any:
    """Join those members of a run that may be near-copies; returns how many pairs were compared.

    A member that is close to an earlier one is not compared with later ones: what it resembles, that one resembles.
    """
    leaders = np.empty(MOST_LEADERS, np.int64)
    compared = 0
    for run in range(starts.size - 1):
        count = 0
        for member in members[starts[run] : starts[run + 1]]:
            leads = count < MOST_LEADERS
            for leader in leaders[:count]:
                similarity = estimate(signatures[member], signatures[leader])
                compared += 1
                if similarity >= plausible:
                    join(parent, member, leader)
                if similarity >= close:
                    leads = False
                    break
            if leads:
                leaders[count] = member
                count += 1
    return compared


@jit
def join_edges(parent: Any, edges: Any) -> None:
    """Join the two ends of every edge, (E, 2)."""
    for edge in range(edges.shape[0]):
        join(parent, edges[edge, 0], edges[edge, 1])


@jit
def flatten(parent: Any) -> None:
    """Let every node name its root."""
    for node in range(parent.size):
        parent[node] = root(parent, node)


def edges_within(rows: Rows, signatures: U8, groups: Runs, plausible: float, close: float) -> tuple[Rows, int]:
    """Edges (E, 2) that join each set of rows, and the pairs compared; `groups.members` are positions in `rows`."""
    parent = np.arange(len(rows))
    compared = join_runs(signatures, groups.members, groups.starts, plausible, close, parent)
    flatten(parent)
    joined = np.flatnonzero(parent != np.arange(len(rows)))
    return np.stack([rows[parent[joined]], rows[joined]], axis=1), int(compared)


def components(parent: Rows, ranks: Rows) -> tuple[Rows, npt.NDArray[np.int64]]:
    """The rows that are joined to others, component by component, each by rank; and where the components begin."""
    flatten(parent)
    sizes = np.bincount(parent, minlength=len(parent))
    rows = np.flatnonzero(sizes[parent] > 1)
    # components come in order of who ranks first, so that row numbers, which depend on the files, decide nothing
    first = np.full(len(parent), len(parent))
    np.minimum.at(first, parent[rows], ranks[rows])
    of = first[parent[rows]]
    order = np.lexsort((ranks[rows], of))
    begins = np.flatnonzero(np.r_[True, np.diff(of[order]) > 0])[: len(rows)]
    return rows[order], np.r_[begins, len(rows)]
