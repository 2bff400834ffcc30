"""How much text a vocabulary is trained on, where words repeat and where they do not."""

from collections.abc import Iterator

import numpy as np
import pytest

from tasks.tokenize.vocabulary import sample_limit
from tasks.tokenize.vocabulary.sample_limit import compute_hash_fraction, limit_distinct_words
from tasks.tokenize.vocabulary.train import make_word_splitter


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_limit, "MAX_DISTINCT_BYTES", 30_000)
    monkeypatch.setattr(sample_limit, "PROBE_BYTES", 10_000)


def make_phrases(count: int) -> list[str]:
    """Make texts of Han characters without spaces: each phrase between two marks is another one."""
    rng = np.random.default_rng(0)
    return ["。".join("".join(map(chr, rng.integers(0x4E00, 0x9000, 12))) for _ in range(5)) for _ in range(count)]


def make_spaced_texts(count: int) -> list[str]:
    rng = np.random.default_rng(1)
    return [" ".join(f"word{number}" for number in rng.integers(0, 900, 30)) for _ in range(count)]


def count_distinct_bytes(batches: Iterator[list[str]]) -> int:
    splitter = make_word_splitter()
    words = {word for batch in batches for text in batch for word, _ in splitter.pre_tokenize_str(text)}
    return sum(len(word.encode()) for word in words)


def test_text_without_spaces_is_sampled_to_the_limit_and_the_same_each_time() -> None:
    texts = make_phrases(2000)
    selected, fraction = limit_distinct_words(lambda: iter([texts[:900], texts[900:]]), make_word_splitter())
    assert 0 < fraction < 0.2
    assert count_distinct_bytes(selected()) == pytest.approx(30_000, rel=0.25)
    assert list(selected()) == list(selected()), "training reads the texts more than once"
    assert [text for batch in selected() for text in batch] == [
        text for text in texts if compute_hash_fraction(text) < fraction
    ]


def test_text_whose_words_repeat_is_taken_completely() -> None:
    texts = make_spaced_texts(2000)
    selected, fraction = limit_distinct_words(lambda: iter([texts]), make_word_splitter())
    assert fraction == 1
    assert list(selected()) == [texts]


def test_little_text_is_taken_completely_without_a_probe() -> None:
    texts = make_phrases(20)
    _, fraction = limit_distinct_words(lambda: iter([texts]), None)
    assert fraction == 1
