import itertools

import numpy as np
import pytest

from tasks.dedup.minhash.bands import Layout, band_keys, digest_keys, key_ranges, layout, reach, runs


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_the_layout_reaches_the_recall_with_the_longest_bands(threshold: float) -> None:
    of = layout(threshold, 128, 0.995)
    assert of.bands * of.rows <= 128
    assert reach(threshold, of) >= 0.995
    longer = [Layout(128 // rows, rows) for rows in range(of.rows + 1, 129)]
    assert all(reach(threshold, other) < 0.995 for other in longer)


def test_an_unreachable_recall_gives_the_shortest_bands() -> None:
    assert layout(0.3, 16, 0.999999) == Layout(16, 1)


def test_the_number_of_a_band_fits_its_byte() -> None:
    assert layout(0.3, 1024, 0.999999).bands <= 255


def test_keys_are_equal_where_all_rows_of_a_band_are_and_sort_by_band() -> None:
    draw = np.random.default_rng(0)
    signatures = draw.integers(0, 1 << 8, (50, 12), np.uint8)
    signatures[1, :4] = signatures[0, :4]
    signatures[2, 4:8] = signatures[0, :4]  # the same rows in another band are another key
    keys = band_keys(signatures, Layout(3, 4))
    assert keys.shape == (3, 50)
    assert keys[0, 0] == keys[0, 1]
    assert len(np.unique(keys)) == 3 * 50 - 1
    assert (keys >> np.uint64(56) == np.arange(3)[:, None]).all()


def test_runs_are_the_groups_of_equal_keys() -> None:
    draw = np.random.default_rng(1)
    keys = draw.integers(0, 40, 60).astype(np.uint64)
    found = runs(keys)
    groups = {tuple(found.members[a:b].tolist()) for a, b in zip(found.starts, found.starts[1:], strict=False)}
    expected = {tuple(np.flatnonzero(keys == key).tolist()) for key in np.unique(keys)}
    assert groups == {group for group in expected if len(group) > 1}


def test_runs_of_nothing_and_of_different_keys_are_none() -> None:
    for keys in (np.zeros(0, np.uint64), np.arange(5, dtype=np.uint64)):
        found = runs(keys)
        assert found.members.tolist() == []
        assert found.starts.tolist() == [0]


def test_digests_have_the_band_after_the_last() -> None:
    digests = np.array([[1 << 63, 5], [1 << 63, 6], [3, 0]], np.uint64)
    keys = digest_keys(digests, Layout(7, 4))
    assert keys[0] == keys[1] != keys[2]
    assert (keys >> np.uint64(56) == 7).all()
    assert (digest_keys(digests, Layout(255, 4)) >> np.uint64(56) == 255).all()


@pytest.mark.parametrize("documents", [0, 1, 50_000, 3_000_000])
@pytest.mark.parametrize("bands", [0, 1, 21, 256])
def test_ranges_cover_all_keys_once(bands: int, documents: int) -> None:
    ranges = key_ranges(bands, documents)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == (bands << 56) - 1
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(ranges))
    assert len(ranges) == max(1, -(-documents * bands // (1 << 20)))
