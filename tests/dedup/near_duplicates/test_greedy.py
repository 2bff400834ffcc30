import functools

import numpy as np
import pyarrow as pa
import pytest

from tasks.dedup.minhash.bands import KeyGroups, choose_layout, compute_band_keys, group_equal_keys
from tasks.dedup.minhash.signatures import compute_shingle_set, reduce_to_bytes, sketch_texts
from tasks.dedup.minhash.words import build_character_table, iterate_shingles
from tasks.dedup.near_duplicates.greedy import (
    ShingleSets,
    Survivors,
    compute_jaccard,
    estimate_jaccard,
    find_first_equal,
    select_survivors,
)
from tasks.runtime.text_kernels import text_buffers


def select_texts(
    texts: list[str], threshold: float = 0.7, groups: KeyGroups | None = None, num_fixed: int = 0
) -> Survivors:
    sketches = sketch_texts(pa.array(texts), 128, 5, 1)
    data, ends = text_buffers(pa.array(texts))
    sets = [
        compute_shingle_set(data, ends[row], ends[row + 1], build_character_table(), 5) for row in range(len(texts))
    ]
    starts = np.r_[0, np.cumsum([len(hashes) for hashes in sets])]
    signatures = reduce_to_bytes(sketches.signatures)
    default_groups = group_equal_keys(compute_band_keys(signatures, choose_layout(threshold, 128, 0.995)).ravel())
    default_groups = groups or default_groups._replace(members=default_groups.members % len(texts))
    return select_survivors(signatures, ShingleSets(np.concatenate(sets), starts), default_groups, threshold, num_fixed)


@functools.cache
def make_shingle_set(text: str) -> frozenset[bytes]:
    return frozenset(iterate_shingles(text, 5))


def compute_true_jaccard(one: str, other: str) -> float:
    left, right = make_shingle_set(one), make_shingle_set(other)
    return len(left & right) / len(left | right)


def change_words(words: list[str], positions: range, mark: str) -> str:
    return " ".join(f"{mark}{position}" if position in positions else word for position, word in enumerate(words))


def make_families(seed: int) -> list[str]:
    """Families of texts whose members share from half to nearly all of their shingles."""
    draw = np.random.default_rng(seed)
    texts = []
    for family in range(12):
        words = [f"f{family}w{number}" for number in range(300)]
        for member in range(8):
            start, length = int(draw.integers(0, 200)), int(draw.integers(1, 90))
            texts.append(change_words(words, range(start, start + length), f"m{member}x"))
    return texts


def test_every_dropped_one_is_similar_to_a_kept_one_and_kept_ones_are_not() -> None:
    texts = make_families(0)
    survivors = select_texts(texts)
    kept_rows = [row for row in range(len(texts)) if survivors.kept[row] == row]
    for row, (kept, similarity) in enumerate(zip(*survivors, strict=True)):
        true = compute_true_jaccard(texts[row], texts[kept])
        assert kept in kept_rows
        assert true >= 0.7
        assert abs(true - similarity) <= 0.107
        assert row in kept_rows or kept < row
    close = [(a, b) for a in kept_rows for b in kept_rows if a < b and compute_true_jaccard(texts[a], texts[b]) >= 0.72]
    assert not close


def test_near_the_threshold_the_similarity_is_exact() -> None:
    words = [f"w{number}" for number in range(400)]
    texts = [" ".join(words), *(change_words(words, range(100, 100 + length), "x") for length in range(50, 80))]
    survivors = select_texts(texts)
    for row in range(1, len(texts)):
        true = compute_true_jaccard(texts[0], texts[row])
        if true >= 0.7:
            assert survivors.kept[row] == 0
            np.testing.assert_allclose(survivors.similarity[row], true, rtol=1e-6)
        else:
            assert survivors.kept[row] != 0


def test_a_chain_of_small_changes_does_not_join_its_ends() -> None:
    texts = [" ".join(f"w{number}" for number in range(start, start + 400)) for start in range(0, 800, 40)]
    survivors = select_texts(texts)
    kept_rows = int((survivors.kept == np.arange(len(texts))).sum())
    # neighbours share .81, the next .65: plain transitive closure would leave one
    assert kept_rows == len(texts) / 2


def test_members_of_one_group_that_differ_are_all_kept() -> None:
    texts = [" ".join(f"t{text}w{number}" for number in range(50)) for text in range(200)]
    survivors = select_texts(texts, groups=KeyGroups(np.arange(200), np.array([0, 200])))
    assert (survivors.kept == np.arange(200)).all()


def test_no_groups_and_no_documents() -> None:
    assert select_texts(["a b c d e f", "u v w x y z"]).kept.tolist() == [0, 1]


def test_jaccard_and_estimate() -> None:
    one, other = np.array([1, 3, 5, 9], np.uint32), np.array([3, 4, 9, 10, 11], np.uint32)
    assert compute_jaccard(one, other) == 2 / 7
    assert compute_jaccard(one, one) == 1
    assert compute_jaccard(one[:0], one[:0]) == 0
    assert estimate_jaccard(one, one) == 1
    # three of four are equal, one of 256 by chance
    assert estimate_jaccard(one, np.array([1, 3, 6, 9], np.uint32)) == pytest.approx((0.75 - 1 / 256) / (1 - 1 / 256))


def test_documents_of_a_previous_snapshot_are_kept_though_they_repeat() -> None:
    words = [f"w{number}" for number in range(300)]
    texts = [" ".join(words), " ".join([*words[:-1], "x"]), " ".join([*words[:-1], "y"])]
    assert select_texts(texts).kept.tolist() == [0, 0, 0]
    assert select_texts(texts, num_fixed=2).kept.tolist()[:2] == [0, 1]
    assert select_texts(texts, num_fixed=2).kept[2] in (0, 1)


def test_first_of_equal() -> None:
    digests = np.array([[7, 1], [7, 2], [7, 1], [0, 0], [7, 2], [7, 1]], np.uint64)
    assert find_first_equal(digests).tolist() == [0, 1, 0, 3, 1, 0]
    assert find_first_equal(digests[:0]).tolist() == []
