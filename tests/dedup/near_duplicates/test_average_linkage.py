import numpy as np
import pyarrow as pa
import pytest

from tasks.dedup.minhash.bands import Runs
from tasks.dedup.minhash.signatures import shingle_set, sketch
from tasks.dedup.minhash.words import character_table
from tasks.dedup.near_duplicates.average_linkage import MOST_MEMBERS, SAMPLED, average, clusters, merge
from tasks.dedup.near_duplicates.greedy import ShingleSets
from tasks.runtime.text_kernels import text_buffers


def sliding(*starts: int) -> list[str]:
    """Texts 30 words apart share .86 of their shingles, 60 words .74, 80 words .66."""
    return [" ".join(f"w{number}" for number in range(start, start + 400)) for start in starts]


def clusters_of(texts: list[str], kept: list[int], earlier: tuple[int, ...] = ()) -> list[int]:
    """All texts share a band."""
    data, ends = text_buffers(pa.array(texts))
    sets = [shingle_set(data, ends[row], ends[row + 1], character_table(), 5) for row in range(len(texts))]
    starts = np.r_[0, np.cumsum([len(each) for each in sets])]
    signatures = sketch(pa.array(texts), 128, 5, 1).signatures.astype(np.uint8)
    groups = Runs(np.arange(len(texts)), np.array([0, len(texts)]))
    every = ShingleSets(np.concatenate(sets), starts)
    return clusters(signatures, every, groups, 0.8, np.array(kept), np.array(earlier, np.int64)).tolist()


def test_stars_that_repeat_each_other_are_one_cluster() -> None:
    assert clusters_of(sliding(0, 60, 30, 90), [0, 1, 0, 1]) == [0, 0, 0, 0]


def test_a_chain_of_copies_is_not_one_cluster() -> None:
    made = clusters_of(sliding(*range(0, 600, 30)), [number // 2 * 2 for number in range(20)])
    assert 3 <= len(set(made)) <= 9
    for one in range(20):
        assert all(abs(one - other) <= 7 for other in range(20) if made[one] == made[other])


def test_stars_without_a_copy_in_common_stay_apart() -> None:
    assert clusters_of(sliding(0, 60, 60, 0), [0, 1, 1, 0]) == [0, 1, 1, 0]
    assert clusters_of(sliding(0, 300), [0, 1]) == [0, 1]


def test_earlier_clusters_are_kept_as_they_are() -> None:
    texts = sliding(0, 60, 30, 90)
    assert clusters_of(texts, [0, 1, 0, 1], earlier=(0, 1)) == [0, 1, 0, 1]
    assert clusters_of(texts, [0, 1, 0, 1], earlier=(0, 0)) == [0, 0, 0, 0]
    assert clusters_of([*texts, *sliding(500)], [0, 1, 0, 1, 4], earlier=(0, 0)) == [0, 0, 0, 0, 4]


def test_a_document_is_compared_with_the_first_of_a_long_run() -> None:
    first, between, copy = sliding(0, 60, 30)
    others = [f"this is another text of number {number}" for number in range(MOST_MEMBERS)]
    alone = list(range(len(others) + 2))
    assert clusters_of([first, between, *others, copy], [*alone, 0])[1] == 0
    assert clusters_of([first, *others, between, copy], [*alone, 0])[-2:] == [alone[-1], 0]


def test_lists_are_merged_in_order_and_cut() -> None:
    following = np.full(100, -1, np.int64)
    for document in range(2, 90, 2):
        merge(0, document, following)
    for document in (3, 5):
        merge(1, document, following)
    merge(1, 0, following)
    order = [0]
    while following[order[-1]] >= 0:
        order.append(int(following[order[-1]]))
    assert order == [0, 1, 2, 3, 4, 5, *range(6, 26, 2)]
    assert len(order) == SAMPLED


def test_average_over_all_pairs_of_two_lists() -> None:
    signatures = np.arange(4 * 128, dtype=np.int64).reshape(4, 128)
    signatures[2] = signatures[0]
    following = np.array([1, -1, 3, -1])
    # one of four pairs is equal, the others share nothing
    assert average(0, 2, following, signatures) == pytest.approx((1 - 3 * (1 / 256) / (1 - 1 / 256)) / 4)
