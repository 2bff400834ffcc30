"""Components of documents that must be decided together: joined, directly or by others, as plausible near-duplicates.

Each range of the sorted keys gives edges, most of them from the first of a group to its other members; an array
union-find joins them. An edge needs signatures that make a near-duplicate plausible: a shared key alone joins half of a
corpus.
"""

from typing import Any

import numpy as np

from tasks.dedup.array_types import Rows, SignatureBytes
from tasks.dedup.minhash.bands import KeyGroups
from tasks.dedup.near_duplicates.greedy import estimate_jaccard
from tasks.runtime.jit import jit

# In a group of documents that differ, such as pages whose menus share a band, each is compared with this many others.
MAX_LEADERS = 256


@jit
def find_root(parent: Rows, node: int) -> Any:
    """Return the node that stands for the node's set; the path to it is halved on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@jit
def join_sets(parent: Rows, one: int, other: int) -> None:
    """Make the sets of two nodes one: the smaller root stands for both."""
    left, right = find_root(parent, one), find_root(parent, other)
    # by number and not by size: the root has to be the first, and halved paths alone keep searches short
    parent[max(left, right)] = min(left, right)


@jit
def join_groups(
    signatures: SignatureBytes, members: Rows, starts: Rows, plausible: float, close: float, parent: Rows
) -> Any:
    """Join those members of a group that may be near-duplicates; returns how many pairs were compared.

    Two documents are joined when their estimated similarity reaches `plausible`. A member that reaches `close` to one
    before it is not compared with later ones: what it resembles, that one resembles.
    """
    leaders = np.empty(MAX_LEADERS, np.int64)
    num_compared = 0
    for group in range(starts.size - 1):
        num_leaders = 0
        for member in members[starts[group] : starts[group + 1]]:
            # members beyond MAX_LEADERS are compared with the leaders, and no later one with them
            is_leader = num_leaders < MAX_LEADERS
            for leader in leaders[:num_leaders]:
                similarity = estimate_jaccard(signatures[member], signatures[leader])
                num_compared += 1
                if similarity >= plausible:
                    join_sets(parent, member, leader)
                if similarity >= close:
                    is_leader = False
                    break
            if is_leader:
                leaders[num_leaders] = member
                num_leaders += 1
    return num_compared


@jit
def join_edges(parent: Rows, edges: Rows) -> None:
    """Join the two ends of every edge, (E, 2)."""
    for edge in range(edges.shape[0]):
        join_sets(parent, edges[edge, 0], edges[edge, 1])


@jit
def flatten_sets(parent: Rows) -> None:
    """Make every node point at its root."""
    for node in range(parent.size):
        parent[node] = find_root(parent, node)


def find_edges_within(
    rows: Rows, signatures: SignatureBytes, groups: KeyGroups, plausible: float, close: float
) -> tuple[Rows, int]:
    """Return edges (E, 2) that join the rows of groups, and the number of pairs compared.

    `groups.members` are positions in `rows`; see `join_groups` for the two bounds.
    """
    parent = np.arange(len(rows))
    num_compared = join_groups(signatures, groups.members, groups.starts, plausible, close, parent)
    flatten_sets(parent)
    # one edge for each row that is no root: the fewest that join the same sets
    joined = np.flatnonzero(parent != np.arange(len(rows)))
    return np.stack([rows[parent[joined]], rows[joined]], axis=1), int(num_compared)


def list_components(parent: Rows, ranks: Rows) -> tuple[Rows, Rows]:
    """List the rows that are joined to others, component by component, each by rank; and where components start.

    The last of the starts is the number of rows.
    """
    flatten_sets(parent)
    sizes = np.bincount(parent, minlength=len(parent))
    rows = np.flatnonzero(sizes[parent] > 1)
    # components come in order of their first rank, so that row numbers, which depend on the files, decide nothing
    first_rank = np.full(len(parent), len(parent))
    np.minimum.at(first_rank, parent[rows], ranks[rows])
    component = first_rank[parent[rows]]
    order = np.lexsort((ranks[rows], component))
    # [: len(rows)], because of no rows np.r_ still gives one True
    starts = np.flatnonzero(np.r_[True, np.diff(component[order]) > 0])[: len(rows)]
    return rows[order], np.r_[starts, len(rows)]
