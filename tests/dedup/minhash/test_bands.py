import itertools

import numpy as np
import pytest

from tasks.dedup.minhash.bands import (
    BandLayout,
    choose_layout,
    collision_probability,
    compute_band_keys,
    compute_digest_keys,
    group_equal_keys,
    plan_key_ranges,
)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_the_layout_reaches_the_recall_with_the_longest_bands(threshold: float) -> None:
    layout = choose_layout(threshold, 128, 0.995)
    assert layout.bands * layout.rows <= 128
    assert collision_probability(threshold, layout) >= 0.995
    longer = [BandLayout(128 // rows, rows) for rows in range(layout.rows + 1, 129)]
    assert all(collision_probability(threshold, other) < 0.995 for other in longer)


def test_an_unreachable_recall_gives_the_shortest_bands() -> None:
    assert choose_layout(0.3, 16, 0.999999) == BandLayout(16, 1)


def test_the_number_of_a_band_fits_its_byte() -> None:
    assert choose_layout(0.3, 1024, 0.999999).bands <= 255


def test_keys_are_equal_where_all_rows_of_a_band_are_and_sort_by_band() -> None:
    draw = np.random.default_rng(0)
    signatures = draw.integers(0, 1 << 8, (50, 12), np.uint8)
    signatures[1, :4] = signatures[0, :4]
    signatures[2, 4:8] = signatures[0, :4]  # the same rows in another band are another key
    keys = compute_band_keys(signatures, BandLayout(3, 4))
    assert keys.shape == (3, 50)
    assert keys[0, 0] == keys[0, 1]
    assert len(np.unique(keys)) == 3 * 50 - 1
    assert (keys >> np.uint64(56) == np.arange(3)[:, None]).all()


def test_groups_are_those_of_equal_keys() -> None:
    draw = np.random.default_rng(1)
    keys = draw.integers(0, 40, 60).astype(np.uint64)
    groups = group_equal_keys(keys)
    member_sets = {tuple(groups.members[a:b].tolist()) for a, b in zip(groups.starts, groups.starts[1:], strict=False)}
    expected = {tuple(np.flatnonzero(keys == key).tolist()) for key in np.unique(keys)}
    assert member_sets == {group for group in expected if len(group) > 1}


def test_groups_of_nothing_and_of_different_keys_are_none() -> None:
    for keys in (np.zeros(0, np.uint64), np.arange(5, dtype=np.uint64)):
        groups = group_equal_keys(keys)
        assert groups.members.tolist() == []
        assert groups.starts.tolist() == [0]


def test_digests_have_the_band_after_the_last() -> None:
    digests = np.array([[1 << 63, 5], [1 << 63, 6], [3, 0]], np.uint64)
    keys = compute_digest_keys(digests, BandLayout(7, 4))
    assert keys[0] == keys[1] != keys[2]
    assert (keys >> np.uint64(56) == 7).all()
    assert (compute_digest_keys(digests, BandLayout(255, 4)) >> np.uint64(56) == 255).all()


@pytest.mark.parametrize("documents", [0, 1, 50_000, 3_000_000])
@pytest.mark.parametrize("bands", [0, 1, 21, 256])
def test_ranges_cover_all_keys_once(bands: int, documents: int) -> None:
    ranges = plan_key_ranges(bands, documents)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == (bands << 56) - 1
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(ranges))
    assert len(ranges) == max(1, -(-documents * bands // (1 << 20)))
