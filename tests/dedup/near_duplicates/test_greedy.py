import numpy as np
import pyarrow as pa
import pytest

from tasks.dedup.minhash.bands import Runs, band_keys, layout, runs
from tasks.dedup.minhash.signatures import shingle_set, sketch
from tasks.dedup.minhash.words import character_table, shingles
from tasks.dedup.near_duplicates.greedy import ShingleSets, Verdict, estimate, first_of_equal, jaccard, near_duplicates
from tasks.runtime.text_kernels import text_buffers


def verdict_of(texts: list[str], threshold: float = 0.7, groups: Runs | None = None, fixed: int = 0) -> Verdict:
    made = sketch(pa.array(texts), 128, 5, 1)
    data, ends = text_buffers(pa.array(texts))
    sets = [shingle_set(data, ends[row], ends[row + 1], character_table(), 5) for row in range(len(texts))]
    starts = np.r_[0, np.cumsum([len(each) for each in sets])]
    signatures = made.signatures.astype(np.uint8)
    found = runs(band_keys(signatures, layout(threshold, 128, 0.995)).ravel())
    found = groups or found._replace(members=found.members % len(texts))
    return near_duplicates(signatures, ShingleSets(np.concatenate(sets), starts), found, threshold, fixed)


def true_jaccard(one: str, other: str) -> float:
    left, right = set(shingles(one, 5)), set(shingles(other, 5))
    return len(left & right) / len(left | right)


def changed(words: list[str], places: range, mark: str) -> str:
    return " ".join(f"{mark}{place}" if place in places else word for place, word in enumerate(words))


def families(seed: int) -> list[str]:
    """Families of texts whose members share from half to nearly all of their shingles."""
    draw = np.random.default_rng(seed)
    texts = []
    for family in range(12):
        words = [f"f{family}w{number}" for number in range(300)]
        for member in range(8):
            begin, length = int(draw.integers(0, 200)), int(draw.integers(1, 90))
            texts.append(changed(words, range(begin, begin + length), f"m{member}x"))
    return texts


def test_every_one_that_goes_is_similar_to_one_that_stays_and_those_that_stay_are_not() -> None:
    texts = families(0)
    verdict = verdict_of(texts)
    staying = [row for row in range(len(texts)) if verdict.kept[row] == row]
    for row, (kept, similarity) in enumerate(zip(*verdict, strict=True)):
        true = true_jaccard(texts[row], texts[kept])
        assert kept in staying
        assert true >= 0.7
        assert abs(true - similarity) <= 0.107
        assert row in staying or kept < row
    close = [(a, b) for a in staying for b in staying if a < b and true_jaccard(texts[a], texts[b]) >= 0.72]
    assert not close


def test_near_the_threshold_the_similarity_is_exact() -> None:
    words = [f"w{number}" for number in range(400)]
    texts = [" ".join(words), *(changed(words, range(100, 100 + length), "x") for length in range(50, 80))]
    verdict = verdict_of(texts)
    for row in range(1, len(texts)):
        true = true_jaccard(texts[0], texts[row])
        if true >= 0.7:
            assert verdict.kept[row] == 0
            np.testing.assert_allclose(verdict.similarity[row], true, rtol=1e-6)
        else:
            assert verdict.kept[row] != 0


def test_a_chain_of_small_changes_does_not_join_its_ends() -> None:
    texts = [" ".join(f"w{number}" for number in range(start, start + 400)) for start in range(0, 800, 40)]
    verdict = verdict_of(texts)
    staying = int((verdict.kept == np.arange(len(texts))).sum())
    # neighbours share .81, the next .65: plain transitive closure would leave one
    assert staying == len(texts) / 2


def test_members_of_one_run_that_differ_all_stay() -> None:
    texts = [" ".join(f"t{text}w{number}" for number in range(50)) for text in range(200)]
    verdict = verdict_of(texts, groups=Runs(np.arange(200), np.array([0, 200])))
    assert (verdict.kept == np.arange(200)).all()


def test_no_groups_and_no_documents() -> None:
    assert verdict_of(["a b c d e f", "u v w x y z"]).kept.tolist() == [0, 1]


def test_jaccard_and_estimate() -> None:
    one, other = np.array([1, 3, 5, 9], np.uint32), np.array([3, 4, 9, 10, 11], np.uint32)
    assert jaccard(one, other) == 2 / 7
    assert jaccard(one, one) == 1
    assert jaccard(one[:0], one[:0]) == 0
    assert estimate(one, one) == 1
    # three of four are equal, one of 256 by chance
    assert estimate(one, np.array([1, 3, 6, 9], np.uint32)) == pytest.approx((0.75 - 1 / 256) / (1 - 1 / 256))


def test_what_was_decided_earlier_stays_though_it_repeats() -> None:
    words = [f"w{number}" for number in range(300)]
    texts = [" ".join(words), " ".join([*words[:-1], "x"]), " ".join([*words[:-1], "y"])]
    assert verdict_of(texts).kept.tolist() == [0, 0, 0]
    assert verdict_of(texts, fixed=2).kept.tolist()[:2] == [0, 1]
    assert verdict_of(texts, fixed=2).kept[2] in (0, 1)


def test_first_of_equal() -> None:
    digests = np.array([[7, 1], [7, 2], [7, 1], [0, 0], [7, 2], [7, 1]], np.uint64)
    assert first_of_equal(digests).tolist() == [0, 1, 0, 3, 1, 0]
    assert first_of_equal(digests[:0]).tolist() == []
