"""Answers cut out of a text: exact match and F1 over words, as SQuAD's script computes them."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tasks.downstream.metrics import Score, mean_of
from tasks.downstream.metrics.words import CHARACTER_WORD

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(text: str) -> list[str]:
    """The words of an answer that count: lower case, without articles and ASCII punctuation.

    Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text", 2016. In texts with Chinese or
    Japanese each character is a word, and the punctuation of those scripts does not count either.
    """
    text = text.lower().translate(PUNCTUATION)
    if CHARACTER_WORD.search(text):
        text = "".join(each for each in text if not unicodedata.category(each).startswith("P"))
    return CHARACTER_WORD.sub(r" \g<0> ", ARTICLES.sub(" ", text)).split()


def exact(truth: str, predicted: str) -> float:
    """1 where the same words stand in the same order."""
    return float(normalized(truth) == normalized(predicted))


def overlap(truth: str, predicted: str) -> float:
    """F1 of two bags of words; two empty answers agree."""
    one, other = normalized(truth), normalized(predicted)
    if not one or not other:
        return float(one == other)
    common = (Counter(one) & Counter(other)).total()
    return 2 * common / (len(one) + len(other))


def answer_scores(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> dict[str, Score]:
    """Scores of N answers, each against the best of its true ones; an unanswerable question has one, the empty text."""

    def best(measure: Callable[[str, str], float]) -> Score:
        pairs = zip(truth, predicted, strict=True)
        return mean_of(np.array([max(measure(one, given) for one in answers) for answers, given in pairs]))

    return {"exact_match": best(exact), "f1": best(overlap)}
