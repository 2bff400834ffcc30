"""The score of blocks is trained as its reader scores: the same trees, the same bytes, whatever the machine."""

import numpy as np
import pytest

from benchmarks.block_model.boosting import BoostingSettings, train_trees
from benchmarks.block_model.gold_pages import GoldPage, label_blocks, label_page
from benchmarks.block_model.quality import average_by_kind, score_words
from tasks.clean.extract.html.block_scores.tree_file import decode_trees, encode_trees
from tasks.clean.extract.html.block_scores.trees import PROBABILITIES, pack_trees, score_rows

pytestmark = pytest.mark.slow

SETTINGS = BoostingSettings(
    num_trees=30,
    num_leaves=8,
    max_depth=4,
    learning_rate=0.3,
    row_fraction=0.7,
    column_fraction=1,
    min_weight=2,
    ridge=1,
)


def test_trees_learn_what_two_features_say_together() -> None:
    rng = np.random.default_rng(3)
    features = rng.integers(0, 256, (4000, 5)).astype(np.uint8)
    labels = ((features[:, 1] > 100) ^ (features[:, 3] > 30)).astype(np.float64)
    trees, importance = train_trees(features, labels, np.ones(4000), SETTINGS)
    again, _ = train_trees(features, labels, np.ones(4000), SETTINGS)
    assert encode_trees(trees) == encode_trees(again)
    assert set(np.argsort(importance)[-2:]) == {1, 3}
    assert trees.roots[:, 1].max() <= 4
    probabilities = score_rows(features, *pack_trees(decode_trees(encode_trees(trees))), PROBABILITIES)
    assert ((probabilities > 500) == labels).mean() > 0.98


def test_labels_say_which_blocks_are_in_the_gold_text() -> None:
    gold = "The boats leave at six. They come back at noon! Departures"
    blocks = ["menu home boats", "the boats leave at six", "they", "come back at noon", "departures", "share", ""]
    labels = label_blocks([block.split() for block in blocks], gold)
    assert labels.tolist() == [0, 1, 1, 1, 1, 0, 0]


def test_a_page_has_a_label_and_a_weight_for_each_block() -> None:
    body = b"<body><nav><a href=/>Home</a></nav><h1>Boats</h1><p>The boats leave at six, and come back at noon.</p>"
    page = label_page(
        GoldPage("1", "made", "article", "made", body, "Boats\nThe boats leave at six, and come back at noon.")
    )
    assert page.labels.tolist() == [0, 1, 1]
    assert len(page.features) == len(page.weights) == 3
    assert page.weights[2] > page.weights[1]


def test_words_count_as_often_as_they_stand() -> None:
    assert score_words("a b b", "A b c") == pytest.approx(2 * 2 / 6)
    assert score_words("", "a") == 0
    assert score_words("", "") == 1
    pages = [GoldPage(str(number), "made", kind, "made", b"", "a") for number, kind in enumerate(("x", "x", "y"))]
    assert average_by_kind(pages, ["a", "b", "a"]) == pytest.approx({"all": 2 / 3, "x": 0.5, "y": 1})
