"""Trees as text and as packed numbers score like those that were grown, and the choice of blocks is the best."""

import itertools

import numpy as np
import pytest

from tasks.clean.extract.html.block_scores.features import NUM_FEATURES, NUM_FEATURES_OF_PAGE
from tasks.clean.extract.html.block_scores.model import ARTICLE_TREES, BLOCK_TREES, DOCUMENTATION_TREES
from tasks.clean.extract.html.block_scores.tree_file import Trees, decode_trees, encode_trees
from tasks.clean.extract.html.block_scores.trees import (
    MAX_SCORE,
    PROBABILITIES,
    PROBABILITY_STEPS,
    SCORE_STEPS,
    choose_by_expected_f1,
    pack_trees,
    score_rows,
)

# one leaf; feature 0 above 10: then feature 2 above 254; feature 1 above 0
TREES = Trees(
    np.array([(0, 0), (1, 2), (6, 1)], np.int32),
    np.array(
        [
            (0, 255, 0),
            (0, 10, 2),
            (0, 255, 2),
            (2, 254, 4),
            (0, 255, 4),
            (0, 255, 5),
            (1, 0, 7),
            (0, 255, 7),
            (0, 255, 8),
        ],
        np.int32,
    ),
    np.array([-5, 0, 100, 0, -300, 700, 0, 11, -13], np.int32),
)


def walk(trees: Trees, row: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> int:
    """The score of a row, node by node."""
    score = 0
    for root, _ in trees.roots:
        node = root
        while trees.nodes[node, 2] != node:
            node = trees.nodes[node, 2] + (row[trees.nodes[node, 0]] > trees.nodes[node, 1])
        score += trees.leaves[node]
    return int(np.clip(score, -MAX_SCORE * SCORE_STEPS, MAX_SCORE * SCORE_STEPS))


def test_packed_trees_score_as_a_walk_does() -> None:
    rows = np.array(list(itertools.product((0, 10, 11, 255), (0, 1, 255), (0, 254, 255))), np.uint8)
    expected = [PROBABILITIES[walk(TREES, row) + MAX_SCORE * SCORE_STEPS] for row in rows]
    assert score_rows(rows, *pack_trees(TREES), PROBABILITIES).tolist() == expected
    assert len(set(expected)) == 6


def test_trees_come_back_from_their_text() -> None:
    text = encode_trees(TREES)
    assert text.isascii()
    assert '"' not in text
    for original, decoded in zip(TREES, decode_trees(text), strict=True):
        assert np.array_equal(original, decoded)


@pytest.mark.parametrize(
    ("text", "num_features"),
    [
        (BLOCK_TREES, NUM_FEATURES),
        (ARTICLE_TREES, NUM_FEATURES_OF_PAGE),
        (DOCUMENTATION_TREES, NUM_FEATURES_OF_PAGE),
    ],
)
def test_the_shipped_trees_fit_the_features(text: str, num_features: int) -> None:
    trees = decode_trees(text)
    assert len(trees.roots) > 10
    assert 0 <= trees.nodes[:, 0].min() <= trees.nodes[:, 0].max() < num_features
    children = trees.nodes[:, 2] - np.repeat(trees.roots[:, 0], np.diff([*trees.roots[:, 0], len(trees.nodes)]))
    assert children.max() < 256, "the first child is packed into a byte"


def test_blocks_are_kept_by_the_highest_expected_f1() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        probabilities = rng.integers(0, PROBABILITY_STEPS + 1, 7)
        weights = rng.integers(1, 50, 7)
        gold = float(weights @ probabilities)

        def measure(kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float:
            both = float((weights * probabilities)[kept].sum())  # noqa: B023 - called in this round only
            size = float(weights[kept].sum() * PROBABILITY_STEPS)  # noqa: B023
            return 2 * both / (size + gold) if size + gold else 0.0  # noqa: B023

        best = max(measure(np.array(kept)) for kept in itertools.product((False, True), repeat=7))
        assert measure(choose_by_expected_f1(probabilities, weights)) == pytest.approx(best)


def test_of_blocks_that_are_surely_no_text_none_is_kept() -> None:
    assert not choose_by_expected_f1(np.zeros(3, np.int64), np.array([5, 5, 5])).any()
