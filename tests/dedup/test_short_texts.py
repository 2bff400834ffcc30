"""Short texts: none is dropped as a near-duplicate that is less similar than the threshold, in any script."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.dedup.minhash.words import iterate_shingles
from tests.dedup.planted import MakeDraft, build_dedup, make_clean_artifact, make_id, read_documents

# alphabet, and what stands between two words
SCRIPTS = {
    "Latin": ("abcdefghijklmnopqrstuvwxyzäöüß", " "),
    "Cyrillic": ("абвгдежзиклмнопрстуфхцчшщыэюя", " "),
    "Arabic": ("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", " "),
    "Devanagari": ("कखगघचछजझटठडढतथदधनपफबभमयरलवशषसह", " "),
    "Thai": ("กขคงจฉชซญฎฏฐณดตถทธนบปผฝพภมยรลวศษสหฬอ", ""),
    "Han": ("的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年", ""),
    "Kana": ("あいうえおかきくけこさしすせそアイウエオカキクケコサシスセソ", ""),
    "Hangul": ("가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허", " "),
    "emoji": ("a😀b🎉c🚀d", "🙂"),
}


def make_texts(seed: int, count: int) -> list[str]:
    """Texts of 1 to 50 words in all scripts, half of them with a word of one before changed, left out or added."""
    draw = random.Random(seed)
    bases: list[tuple[list[str], str]] = []
    texts = []
    for _ in range(count):
        if bases and draw.random() < 0.5:
            words, glue = draw.choice(bases)
            words = list(words)
            for _ in range(draw.randrange(1, 4)):
                position = draw.randrange(len(words))
                words[position : position + draw.randrange(2)] = draw.choice([[], draw.choices(words), ["x"]])
                words = words or ["y"]
        else:
            letters, glue = draw.choice(list(SCRIPTS.values()))
            length = draw.choice([1, 1, 2, 3, 4, 5, 6, 8, 13, draw.randrange(1, 51)])
            # without spaces every letter is a word
            words = ["".join(draw.choices(letters, k=draw.randrange(1, 7 if glue else 2))) for _ in range(length)]
            if draw.random() < 0.1:
                words = words[:1] * length
            bases.append((words, glue))
        texts.append(glue.join(words))
    return list(dict.fromkeys(texts))


def compute_true_jaccard(one: str, other: str, size: int) -> float:
    left, right = set(iterate_shingles(one, size)), set(iterate_shingles(other, size))
    return len(left & right) / max(len(left | right), 1)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("ngram_size", [1, 2, 5, 13])
def test_short_texts_are_decided_by_their_true_similarity(
    tmp_path: Path, make_draft: MakeDraft, ngram_size: int, threshold: float
) -> None:
    texts = make_texts(ngram_size, 300)

    draft = build_dedup(
        make_draft, "short", make_clean_artifact(tmp_path / "in", texts), ngram_size=ngram_size, threshold=threshold
    )

    text_of = {make_id(text): text for text in texts}
    rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
    for row in rows:
        true = compute_true_jaccard(text_of[row["id"]], text_of[row["kept_id"]], ngram_size)
        assert row["kind"] != "near" or true >= threshold, row
        assert row["similarity"] == pytest.approx(true if row["kind"] == "near" else 1)
    kept = read_documents(draft.path)
    assert len(kept) + sum(row["kind"] != "leader" for row in rows) == len(texts)
    near_pairs = sum(
        compute_true_jaccard(one, other, ngram_size) >= threshold
        for number, one in enumerate(kept)
        for other in kept[:number]
    )
    # bands find a pair at the threshold with a probability of .995
    assert near_pairs <= 0.02 * len(texts)


@pytest.mark.parametrize(("ngram_size", "length"), [(5, 4), (5, 5), (5, 6), (13, 13), (1, 1), (8, 3)])
def test_thousands_of_different_short_texts_are_all_kept(
    tmp_path: Path, make_draft: MakeDraft, ngram_size: int, length: int
) -> None:
    draw = random.Random(length)
    texts = list({" ".join(f"w{draw.randrange(10**6)}" for _ in range(length)) for _ in range(2_000)})

    draft = build_dedup(make_draft, "queries", make_clean_artifact(tmp_path / "in", texts), ngram_size=ngram_size)

    assert draft.counts["kept"] == len(texts)
    # the bytes of signatures tell them apart: hardly any pair is compared
    assert draft.counts["compared"] <= len(texts) / 100


def test_texts_of_one_repeated_word_are_near_duplicates_and_others_of_one_shingle_are_not(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    texts = ["ha ha ha ha ha", "ha ha ha ha ha ha ha", "ho ho ho ho ho", "ha ha ha", "ha ha"]
    draft = build_dedup(make_draft, "ha", make_clean_artifact(tmp_path / "in", texts))
    # a shingle of five words stands in the first two; fewer words are a shingle of their own
    assert sorted(read_documents(draft.path)) == ["ha ha", "ha ha ha", "ha ha ha ha ha ha ha", "ho ho ho ho ho"]
