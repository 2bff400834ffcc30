import numpy as np

from tasks.evaluate.baselines import is_spaceless, majority, tfidf
from tasks.evaluate.benchmarks.site_section import SiteSection
from tasks.evaluate.labelled import Part


def part(texts: list[str], labels: list[int]) -> Part:
    return Part(texts, np.array(labels, dtype=np.int64), [""] * len(texts))


def test_majority_takes_the_most_frequent_class() -> None:
    train = part(["a", "b", "c"], [1, 2, 2])
    assert majority(train, part(["x", "y"], [0, 1]), 3).probabilities.argmax(1).tolist() == [2, 2]


def test_tfidf_learns_an_easy_task(heldout) -> None:  # type: ignore[no-untyped-def]
    (data,) = SiteSection(passage_words=12, fewest_words=6, fewest_passages=8).data_sets(heldout)
    guess = tfidf(data.sample(8, 0), data.validation, data.test, 3)
    assert (guess.probabilities.argmax(1) == data.test.labels).mean() > 0.9
    assert guess.validation is not None
    assert set(guess.chosen) == {"C"}


def test_chinese_is_read_by_characters() -> None:
    assert is_spaceless(["今天天气很好, ok"])
    assert not is_spaceless(["the weather is fine 今天"])
    train = part(["好看好吃", "难看难吃", "好玩", "难受"], [0, 1, 0, 1])
    guess = tfidf(train, train, part(["好听", "难听"], [0, 1]), 2)
    assert guess.probabilities.argmax(1).tolist() == [0, 1]
