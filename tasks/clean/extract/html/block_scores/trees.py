"""Boosted trees over bytes: the loop that scores rows of features, in integers."""

from typing import Any

import numpy as np

from tasks.clean.extract.html.block_scores.tree_file import Trees
from tasks.runtime.jit import jit

# Probabilities are in these parts, and scores in SCORE_STEPS to one natural logarithm of the odds.
PROBABILITY_STEPS, SCORE_STEPS, MAX_SCORE = 1000, 256, 8
# by score, from -MAX_SCORE to MAX_SCORE; `round` leaves no room for the last digits, in which machines might differ
PROBABILITIES = np.array(
    [
        round(PROBABILITY_STEPS / (1 + np.exp(-score / SCORE_STEPS)))
        for score in range(-MAX_SCORE * SCORE_STEPS, MAX_SCORE * SCORE_STEPS + 1)
    ],
    np.int32,
)


def pack_trees(trees: Trees) -> tuple[Any, Any, Any]:
    """Return (roots, nodes, leaves) of trees, a node as one number: feature, threshold, first child within the tree."""
    roots = np.repeat(trees.roots[:, 0], np.diff([*trees.roots[:, 0], len(trees.nodes)]))
    features, thresholds, children = trees.nodes.T
    nodes = (features << 16 | thresholds << 8 | (children - roots)).astype(np.uint32)
    return trees.roots, nodes, trees.leaves


@jit
def score_rows(rows: Any, roots: Any, nodes: Any, leaves: Any, probabilities: Any) -> Any:
    """Return the probability of each row, in PROBABILITY_STEPS.

    `roots` (trees, 2) are the first node and the depth of each tree, `leaves` the values of the nodes in
    SCORE_STEPS; see `pack_trees`.
    """
    scores = np.zeros(len(rows), np.int64)
    width = np.uint64(rows.shape[1])
    flat = rows.ravel()
    # Tree by tree, and as many steps in each row as the tree is deep: a loop without a branch is what a processor runs
    # ahead in. A leaf leads to itself, as nothing is above 255.
    for tree in range(len(roots)):
        root, depth = np.uint64(roots[tree, 0]), roots[tree, 1]
        for index in range(len(rows)):
            node, row = np.uint64(0), np.uint64(index) * width
            for _ in range(depth):
                packed = np.uint64(nodes[root + node])
                is_above = flat[row + (packed >> np.uint64(16))] > (packed >> np.uint64(8)) & np.uint64(255)
                node = (packed & np.uint64(255)) + np.uint64(is_above)
            scores[index] += leaves[root + node]
    for index in range(len(rows)):
        score = min(max(scores[index], -MAX_SCORE * SCORE_STEPS), MAX_SCORE * SCORE_STEPS)
        scores[index] = probabilities[score + MAX_SCORE * SCORE_STEPS]
    return scores


@jit
def choose_by_expected_f1(probabilities: Any, weights: Any) -> Any:
    """Return whether each block is kept, so that the expected F1 over words is highest.

    F1 = 2 * both / (kept + gold): blocks are taken in the order of their probabilities, as long as one more raises
    2 * (sum of weight * probability of the kept) / (weight of the kept + sum of weight * probability of all). All are
    integers below 2^53, and one division of such numbers is the same on every machine.
    """
    order = np.argsort(-probabilities, kind="mergesort")
    gold = 0.0
    for block in range(len(weights)):
        gold += weights[block] * probabilities[block]
    both, kept, best, num_best = 0.0, 0.0, 0.0, 0
    for rank in range(len(order)):
        block = order[rank]
        both += weights[block] * probabilities[block]
        kept += weights[block] * PROBABILITY_STEPS
        expected = 2 * both / (kept + gold) if kept + gold else 0.0
        if expected > best:
            best, num_best = expected, rank + 1
    chosen = np.zeros(len(weights), np.bool_)
    chosen[order[:num_best]] = True
    return chosen
