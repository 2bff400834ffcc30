import numpy as np
import pytest

from tasks.pretrain.data.randomness import Randomness, permute_indices


def test_numbers_depend_on_the_sample_and_not_on_its_neighbours() -> None:
    whole = Randomness(3, np.arange(10)).uniform("which", 20)
    part = Randomness(3, np.array([7, 2])).uniform("which", 20)
    assert np.array_equal(part, whole[[7, 2]])


def test_seeds_streams_samples_and_indices_are_independent() -> None:
    samples = np.arange(400)
    drawn = [
        Randomness(0, samples).uniform("a", 50),
        Randomness(0, samples).uniform("b", 50),
        Randomness(1, samples).uniform("a", 50),
    ]
    for number, one in enumerate(drawn):
        assert one.min() >= 0
        assert one.max() < 1
        assert one.mean() == pytest.approx(0.5, abs=4 * 0.289 / one.size**0.5)
        assert one.var() == pytest.approx(1 / 12, rel=0.02)
        for other in drawn[:number]:
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / one.size**0.5
    shifted = np.corrcoef(drawn[0][:-1].ravel(), drawn[0][1:].ravel())[0, 1]
    beside = np.corrcoef(drawn[0][:, :-1].ravel(), drawn[0][:, 1:].ravel())[0, 1]
    assert max(abs(shifted), abs(beside)) < 4 / drawn[0].size ** 0.5


def test_integers_reach_both_ends() -> None:
    drawn = Randomness(0, np.arange(50)).integers("swap", 50, 5, 9)
    assert set(np.unique(drawn).tolist()) == {5, 6, 7, 8}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65, 1000])
def test_every_epoch_has_every_row_once_in_its_own_order(size: int) -> None:
    orders = [permute_indices(np.arange(size), size, seed=5, epoch=epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(size))
    if size >= 64:
        assert not np.array_equal(orders[0], orders[1])
        assert not np.array_equal(orders[0], np.arange(size))


def test_any_index_of_a_huge_permutation_is_mapped_at_once() -> None:
    size = 10**12 + 39
    indices = np.array([0, 5, size - 1])
    sent = permute_indices(indices, size, seed=0, epoch=0)
    assert len(set(sent.tolist())) == 3
    assert ((sent >= 0) & (sent < size)).all()
