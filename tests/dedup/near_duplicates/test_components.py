import numpy as np

from tasks.dedup.minhash.bands import KeyGroups
from tasks.dedup.near_duplicates.components import MAX_LEADERS, find_edges_within, join_edges, list_components


def draw_signatures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 128), np.uint8)


def test_edges_join_what_is_plausible_and_nothing_else() -> None:
    signatures = draw_signatures(5)
    signatures[1, :120] = signatures[0, :120]  # close
    signatures[2, :95] = signatures[0, :95]  # plausible
    edges, compared = find_edges_within(
        np.array([10, 20, 30, 40, 50]), signatures, KeyGroups(np.arange(5), np.array([0, 5])), 0.7, 0.9
    )
    assert sorted(map(tuple, edges.tolist())) == [(10, 20), (10, 30)]
    # 20 is close to 10, so only 10, 30 and 40 are compared with later ones
    assert compared == 1 + 1 + 2 + 3


def test_groups_of_many_that_differ_are_not_compared_all_with_all() -> None:
    count = 3 * MAX_LEADERS
    _, compared = find_edges_within(
        np.arange(count), draw_signatures(count), KeyGroups(np.arange(count), np.array([0, count])), 0.7, 0.9
    )
    assert compared <= count * MAX_LEADERS


def test_no_groups_give_no_edges() -> None:
    nothing = np.zeros(0, np.int64)
    edges, compared = find_edges_within(nothing, draw_signatures(0), KeyGroups(nothing, np.array([0])), 0.7, 0.9)
    assert edges.shape == (0, 2)
    assert compared == 0


def test_components_are_in_order_of_rank_whatever_the_order_of_edges() -> None:
    ranks = np.array([6, 5, 4, 3, 2, 1, 0])
    pairs = np.array([[0, 2], [2, 5], [1, 3], [6, 6]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        parent = np.arange(7)
        join_edges(parent, pairs[order])
        rows, starts = list_components(parent, ranks)
        assert rows.tolist() == [5, 2, 0, 3, 1]
        assert starts.tolist() == [0, 3, 5]
    rows, starts = list_components(np.arange(7), ranks)
    assert rows.tolist() == []
    assert starts.tolist() == [0]
