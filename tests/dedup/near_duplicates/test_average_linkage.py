import numpy as np
import pyarrow as pa
import pytest

from tasks.dedup.minhash.bands import KeyGroups
from tasks.dedup.minhash.signatures import compute_shingle_set, reduce_to_bytes, sketch_texts
from tasks.dedup.minhash.words import build_character_table
from tasks.dedup.near_duplicates.average_linkage import (
    MAX_MEMBERS,
    SAMPLE_SIZE,
    average_similarity,
    cluster_documents,
    merge_samples,
)
from tasks.dedup.near_duplicates.greedy import ShingleSets
from tasks.runtime.text_kernels import text_buffers


def make_sliding_texts(*starts: int) -> list[str]:
    """Texts 30 words apart share .86 of their shingles, 60 words .74, 80 words .66."""
    return [" ".join(f"w{number}" for number in range(start, start + 400)) for start in starts]


def cluster_texts(texts: list[str], kept: list[int], previous: tuple[int, ...] = ()) -> list[int]:
    """All texts share a band."""
    data, ends = text_buffers(pa.array(texts))
    sets = [
        compute_shingle_set(data, ends[row], ends[row + 1], build_character_table(), 5) for row in range(len(texts))
    ]
    starts = np.r_[0, np.cumsum([len(hashes) for hashes in sets])]
    signatures = reduce_to_bytes(sketch_texts(pa.array(texts), 128, 5, 1).signatures)
    groups = KeyGroups(np.arange(len(texts)), np.array([0, len(texts)]))
    shingle_sets = ShingleSets(np.concatenate(sets), starts)
    return cluster_documents(
        signatures, shingle_sets, groups, 0.8, np.array(kept), np.array(previous, np.int64)
    ).tolist()


def test_stars_that_repeat_each_other_are_one_cluster() -> None:
    assert cluster_texts(make_sliding_texts(0, 60, 30, 90), [0, 1, 0, 1]) == [0, 0, 0, 0]


def test_a_chain_of_near_duplicates_is_not_one_cluster() -> None:
    clusters = cluster_texts(make_sliding_texts(*range(0, 600, 30)), [number // 2 * 2 for number in range(20)])
    assert 3 <= len(set(clusters)) <= 9
    for one in range(20):
        assert all(abs(one - other) <= 7 for other in range(20) if clusters[one] == clusters[other])


def test_stars_without_a_duplicate_in_common_stay_separate() -> None:
    assert cluster_texts(make_sliding_texts(0, 60, 60, 0), [0, 1, 1, 0]) == [0, 1, 1, 0]
    assert cluster_texts(make_sliding_texts(0, 300), [0, 1]) == [0, 1]


def test_previous_clusters_are_kept_as_they_are() -> None:
    texts = make_sliding_texts(0, 60, 30, 90)
    assert cluster_texts(texts, [0, 1, 0, 1], previous=(0, 1)) == [0, 1, 0, 1]
    assert cluster_texts(texts, [0, 1, 0, 1], previous=(0, 0)) == [0, 0, 0, 0]
    assert cluster_texts([*texts, *make_sliding_texts(500)], [0, 1, 0, 1, 4], previous=(0, 0)) == [0, 0, 0, 0, 4]


def test_a_document_is_compared_with_the_first_of_a_long_group() -> None:
    first, between, copy = make_sliding_texts(0, 60, 30)
    others = [f"this is another text of number {number}" for number in range(MAX_MEMBERS)]
    alone = list(range(len(others) + 2))
    assert cluster_texts([first, between, *others, copy], [*alone, 0])[1] == 0
    assert cluster_texts([first, *others, between, copy], [*alone, 0])[-2:] == [alone[-1], 0]


def test_lists_are_merged_in_order_and_cut() -> None:
    next_sample = np.full(100, -1, np.int64)
    for document in range(2, 90, 2):
        merge_samples(0, document, next_sample)
    for document in (3, 5):
        merge_samples(1, document, next_sample)
    merge_samples(1, 0, next_sample)
    order = [0]
    while next_sample[order[-1]] >= 0:
        order.append(int(next_sample[order[-1]]))
    assert order == [0, 1, 2, 3, 4, 5, *range(6, 26, 2)]
    assert len(order) == SAMPLE_SIZE


def test_average_over_all_pairs_of_two_lists() -> None:
    signatures = np.arange(4 * 128, dtype=np.int64).reshape(4, 128)
    signatures[2] = signatures[0]
    next_sample = np.array([1, -1, 3, -1])
    # one of four pairs is equal, the others share nothing
    assert average_similarity(0, 2, next_sample, signatures) == pytest.approx((1 - 3 * (1 / 256) / (1 - 1 / 256)) / 4)
